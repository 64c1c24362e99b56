// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// What is bundled carries its licence texts with it.
function licenses(packages: string[]): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle() {
      const texts = packages.map(
        (name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8').trim()}\n`,
      );
      this.emitFile({
        type: 'asset',
        fileName: 'assets/licenses.txt',
        source: texts.join(`\n${'-'.repeat(72)}\n\n`),
      });
    },
  };
}

export default defineConfig({
  // JSX is esbuild's work already; a React plugin would add only hot replacement.
  esbuild: { jsx: 'automatic' },
  plugins: [licenses(['react', 'react-dom', 'scheduler', '@fontsource-variable/archivo'])],
  build: {
    // One entry a page. The console will be a second one, `console: 'console.html'`, that shares
    // src/shared with the landing page.
    rollupOptions: { input: { landing: 'index.html' } },
    // A data: URI would be refused for fonts by the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` talks to an arkd on this host.
    proxy: { '/api': 'http://127.0.0.1:3000', '/instances': 'http://127.0.0.1:3000' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
