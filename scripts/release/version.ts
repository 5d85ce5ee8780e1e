/**
 * The version of everything is that of package.json. `npm run version:sync` writes it wherever else it has to stand,
 * `-- --check` only tells where it does not. To release: `npm version minor --no-git-tag-version`, then sync.
 */
import {readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {readManifest, ROOT} from './packages.ts'

const {values: options} = parseArgs({
  options: {check: {type: 'boolean', default: false}, root: {type: 'string', default: ROOT}},
})
const {version} = readManifest(options.root)

/** Crates of this workspace in lock files: their version stands in the line after their name. */
const LOCKED_CRATE = /(name = "npubridge-(?!fuzz)[\w-]+"\nversion = ")[^"]+/g

/** Where the version stands, each with a pattern whose first group is what comes before it. */
const PLACES: ReadonlyArray<{readonly file: string; readonly pattern: RegExp}> = [
  {file: 'package-lock.json', pattern: /^(\{\n {2}"name": "npubridge",\n {2}"version": ")[^"]+/g},
  {file: 'package-lock.json', pattern: /(\n {4}"": \{\n {6}"name": "npubridge",\n {6}"version": ")[^"]+/g},
  {file: 'oclif.manifest.json', pattern: /(\n {2}"version": ")[^"]+/g},
  {file: 'native/node/package.json', pattern: /(\n {2}"version": ")[^"]+/g},
  {file: 'native/Cargo.toml', pattern: /(\[workspace\.package\]\nversion = ")[^"]+/g},
  {file: 'native/Cargo.lock', pattern: LOCKED_CRATE},
  {file: 'native/fuzz/Cargo.lock', pattern: LOCKED_CRATE},
]

let differs = false
for (const {file, pattern} of PLACES) {
  const text = readFileSync(path.join(options.root, file), 'utf8')
  if ([...text.matchAll(pattern)].length === 0)
    throw new Error(`${file} has no place for a version: ${String(pattern)}`)
  const wanted = text.replaceAll(pattern, (_, before: string) => `${before}${version}`)
  if (wanted === text) continue
  differs = true
  process.stdout.write(`${file} ${options.check ? 'has another version than' : 'now has version'} ${version}\n`)
  if (!options.check) writeFileSync(path.join(options.root, file), wanted)
}

if (differs && options.check) {
  process.stdout.write('npm run version:sync   puts it right\n')
  process.exitCode = 1
}
