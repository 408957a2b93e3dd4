// Runs before the page is drawn: light or dark, sidebar open or not, so that nothing flashes.
// A classic script on purpose: modules run later.
(() => {
  const small = matchMedia("(max-width: 900px)");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const forced = new URLSearchParams(location.search).get("__theme");

  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const write = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

  const isDark = () => {
    const chosen = read("llava-theme") ?? forced;
    return chosen === "dark" || (chosen !== "light" && systemDark.matches);
  };

  const applyTheme = () => {
    const dark = isDark();
    document.body.classList.toggle("dark", dark);
    document.querySelectorAll("[data-act=theme]").forEach((button) => {
      button.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
      button.querySelector("use").setAttribute("href", `/ui/icons/icons.svg#${dark ? "sun" : "moon"}`);
    });
  };

  const toggleTheme = () => {
    write("llava-theme", isDark() ? "light" : "dark");
    applyTheme();
  };

  const setRail = (open) => {
    document.body.dataset.rail = open ? "open" : "closed";
    if (!small.matches) write("llava-rail", document.body.dataset.rail);
  };

  document.documentElement.lang = "en";
  document.body.dataset.rail = !small.matches && read("llava-rail") !== "closed" ? "open" : "closed";
  document.body.dataset.panel = "closed";
  systemDark.addEventListener("change", applyTheme);
  small.addEventListener("change", () => {
    document.body.dataset.rail = !small.matches && read("llava-rail") !== "closed" ? "open" : "closed";
  });
  applyTheme();
  window.llavaFrame = { applyTheme, toggleTheme, setRail, isSmall: () => small.matches };
})();
