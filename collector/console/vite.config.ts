import { defineConfig } from "vite";

/** Where `npm run dev` finds a running collector. */
const collector = process.env["WEIR_CONSOLE_COLLECTOR"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: ["chrome123", "firefox121", "safari17.5"],
    // The content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      "/api": { target: collector, ws: true },
      "/health": { target: collector },
    },
  },
});
