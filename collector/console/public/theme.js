// Runs before the first paint, so that a dark console does not flash white.
try {
  document.documentElement.dataset.theme = localStorage.getItem("weir.theme") || "auto";
} catch {
  document.documentElement.dataset.theme = "auto";
}
