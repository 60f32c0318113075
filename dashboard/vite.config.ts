import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const OUT = '../web/dashboard/dist';
const API = process.env.API ?? 'http://127.0.0.1:8000';

/** Writes each file compressed, too, so that the server has nothing to compress. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      // The default quality 11 takes twenty times as long as 9.
      const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
      for (const entry of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || /\.(br|gz|json)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const content = readFileSync(path);
        writeFileSync(`${path}.br`, brotliCompressSync(content, brotli));
        writeFileSync(`${path}.gz`, gzipSync(content));
      }
    },
  };
}

/** Writes the page's GraphQL documents by their hashes, as `TRUSTED_DOCUMENTS` takes them. */
function documents(): Plugin {
  return {
    name: 'documents',
    apply: 'build',
    async closeBundle() {
      const { runnerImport } = await import('vite');
      const { module } = await runnerImport<Record<string, unknown>>('./src/gql/graphql.ts');
      const texts = Object.entries(module)
        .filter(([name]) => name.endsWith('Document'))
        .map(([, document]) => String(document));
      const byHash = Object.fromEntries(
        texts.map((text) => [createHash('sha256').update(text).digest('hex'), text]),
      );
      writeFileSync(join(OUT, 'documents.json'), `${JSON.stringify(byHash, null, 2)}\n`);
    },
  };
}

export default defineConfig({
  base: '/dashboard/',
  plugins: [react(), documents(), compressed()],
  build: { outDir: OUT, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 900 },
  server: { proxy: { '/graphql': API, '/api': API } },
});
