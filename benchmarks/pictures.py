"""Draws pictures to be measured with: each number another one, the same one every time."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "black")
SIZE = (480, 360)


def draw(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Three plain shapes on a light ground."""
    lots = random.Random(number)
    ground = tuple(lots.randrange(200, 256) for _ in range(3))
    image = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(image)
    for third in range(3):
        side = lots.randrange(size[1] // 4, size[1] // 3)
        left = third * size[0] // 3 + lots.randrange(10)
        top = lots.randrange(size[1] - side)
        shape = lots.choice((pen.ellipse, pen.rectangle))
        shape((left, top, left + side, top + side), fill=lots.choice(COLOURS))
    return image


def write(folder: Path, number: int) -> Path:
    """A PNG file of the picture."""
    path = folder / f"{number}.png"
    draw(number).save(path)
    return path
