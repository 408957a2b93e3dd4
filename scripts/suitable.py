"""Says in one line why the Python that runs this can't run LLaVA Chat; silent when it can.

Written so that every Python since 2.7 can read it.
"""

import platform
import sys
import sysconfig

VERSION = ".".join(str(part) for part in sys.version_info[:3])


def reason():
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        return "it is " + VERSION
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it is a free-threaded build of " + VERSION
    return platform_reason() or venv_reason()


def platform_reason():
    machine = platform.machine()
    if sys.platform == "darwin":
        if machine != "arm64":
            return "it runs as Intel code, and MLX needs Apple silicon"
        if int(platform.mac_ver()[0].split(".")[0]) < 14:
            return "this is macOS " + platform.mac_ver()[0] + ", and MLX needs macOS 14"
        return None
    if sys.platform != "linux" or machine not in ("x86_64", "aarch64"):
        return "MLX needs macOS on Apple silicon or Linux on x86-64 or arm64"
    name, version = platform.libc_ver()
    if name != "glibc" or [int(part) for part in version.split(".")[:2]] < [2, 35]:
        return "MLX needs glibc 2.35 (Ubuntu 22.04, Debian 12), not " + (name + " " + version)
    return None


def venv_reason():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        name = "python" + ".".join(VERSION.split(".")[:2])
        return "its venv module is missing (Debian, Ubuntu: apt-get install " + name + "-venv)"
    return None


if __name__ == "__main__":
    sys.exit(reason())
