// Puts the dashboard into dist/dashboard: one script, one style sheet, one page. Nothing of it is loaded from elsewhere.
import {build} from 'esbuild'
import {copyFileSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')
const FROM = path.join(ROOT, 'dashboard')
const TO = path.join(ROOT, 'dist', 'dashboard')

mkdirSync(TO, {recursive: true})
const common = {bundle: true, minify: true, legalComments: 'eof', logLevel: 'warning'}
await build({
  ...common,
  entryPoints: [path.join(FROM, 'main.ts')],
  format: 'esm',
  outfile: path.join(TO, 'dashboard.js'),
  target: ['chrome123', 'firefox120', 'safari17.5'],
})
await build({
  ...common,
  entryPoints: [path.join(FROM, 'styles', 'index.css')],
  outfile: path.join(TO, 'dashboard.css'),
})
copyFileSync(path.join(FROM, 'favicon.svg'), path.join(TO, 'favicon.svg'))
// Indentation is for those who write it.
const page = readFileSync(path.join(FROM, 'index.html'), 'utf8').replaceAll(/\n\s+/g, '\n')
writeFileSync(path.join(TO, 'index.html'), page)
