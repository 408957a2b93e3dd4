// Runs before the page is drawn: light or dark, sidebar open or not, so that nothing flashes.
// A classic script on purpose: modules run later.
(() => {
  const small = matchMedia("(max-width: 900px)");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const forced = new URLSearchParams(location.search).get("__theme");

  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const write = (key, value) => {
    try { value ? localStorage.setItem(key, value) : localStorage.removeItem(key); } catch { /* private window */ }
  };

  const isDark = () => {
    const chosen = read("llava-theme") ?? forced;
    return chosen === "dark" || (chosen !== "light" && systemDark.matches);
  };

  const applyTheme = () => {
    const dark = isDark();
    document.body.classList.toggle("dark", dark);
    document.querySelectorAll("[data-act=theme]").forEach((button) => {
      button.title = dark ? "Use light colours" : "Use dark colours";
      button.setAttribute("aria-label", button.title);
      button.querySelector("use").setAttribute("href", `/ui/icons/icons.svg#${dark ? "sun" : "moon"}`);
    });
  };

  // Who chooses what the system shows follows the system again.
  const toggleTheme = () => {
    const dark = !isDark();
    write("llava-theme", dark === systemDark.matches && !forced ? "" : dark ? "dark" : "light");
    applyTheme();
  };

  const setSide = (side, open) => {
    document.body.dataset[side] = open ? "open" : "closed";
    if (side === "rail" && !small.matches) write("llava-rail", document.body.dataset.rail);
  };

  const placeSides = () => {
    document.body.dataset.rail = !small.matches && read("llava-rail") !== "closed" ? "open" : "closed";
    document.body.dataset.panel = "closed";
  };

  document.documentElement.lang = "en";
  // To the edges of a phone's screen, and above its keyboard.
  document.querySelector("meta[name=viewport]").content =
    "width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
  systemDark.addEventListener("change", applyTheme);
  small.addEventListener("change", placeSides);
  placeSides();
  applyTheme();
  window.llavaFrame = { applyTheme, toggleTheme, setSide, small };
})();
