// Bundles GraphiQL from its npm package into dist/, from where the server serves it, each file as it
// is and compressed.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: {
    explorer: 'explorer.jsx',
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
  },
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  minify: true,
  outdir: 'dist',
  entryNames: '[name]',
  loader: { '.ttf': 'file' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'linked',
  logLevel: 'warning',
});

const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }; // 11 takes twenty times as long
for (const file of readdirSync('dist')) {
  const content = readFileSync(`dist/${file}`);
  writeFileSync(`dist/${file}.br`, brotliCompressSync(content, brotli));
  writeFileSync(`dist/${file}.gz`, gzipSync(content));
}
