/**
 * Makes the tarballs that are published: `npm run pack [-- --natives DIR --wheels DIR --out DIR --all]`. Folders and
 * tarballs come to `release/`. There is a platform package for each add-on that is there; --all insists on every one.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {
  addonFile,
  LIMIT_BYTES,
  type Manifest,
  platformManifest,
  publishedManifest,
  readManifest,
  ROOT,
  targets,
  wheelsFor,
} from './packages.ts'

const {values: options} = parseArgs({
  options: {
    natives: {type: 'string', default: path.join(ROOT, 'native', 'node')},
    wheels: {type: 'string', default: path.join(ROOT, 'native', 'python', 'dist')},
    out: {type: 'string', default: path.join(ROOT, 'release')},
    all: {type: 'boolean', default: false},
  },
})
const manifest = readManifest()
const out = path.resolve(options.out)

interface Packed {
  readonly filename: string
  readonly size: number
  readonly entryCount: number
  readonly files: ReadonlyArray<{readonly path: string}>
}

/** `npm` of the Node that runs this; its JSON is one object a package. */
function npmPack(folder: string, ...args: string[]): Packed {
  const stdout = execFileSync('npm', ['pack', '--json', '--ignore-scripts', ...args], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  return (JSON.parse(stdout) as Packed[])[0]!
}

/** A folder as it is published, packed; fails where that is larger than it should be. */
function pack(folder: string, published: Manifest, limit: number): void {
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`)
  const {filename, size, entryCount} = npmPack(folder, '--pack-destination', out)
  process.stdout.write(`${filename}: ${entryCount} files, ${(size / 1e6).toFixed(2)} MB\n`)
  if (size > limit) throw new Error(`${filename} takes ${size} bytes, more than ${limit}`)
}

function packMain(): void {
  const folder = path.join(out, 'npubridge')
  for (const {path: file} of npmPack(ROOT, '--dry-run').files) {
    mkdirSync(path.dirname(path.join(folder, file)), {recursive: true})
    copyFileSync(path.join(ROOT, file), path.join(folder, file))
  }

  pack(folder, publishedManifest(manifest), LIMIT_BYTES.main)
}

/** What debuggers need is left out where the tool for it is there; a size above the limit tells where it is not. */
function strip(file: string): void {
  const flag = process.platform === 'darwin' ? '-S' : '--strip-debug'
  if (process.platform !== 'win32') spawnSync('strip', [flag, file], {stdio: 'ignore'})
}

function packPlatforms(): void {
  const wheels = existsSync(options.wheels) ? readdirSync(options.wheels) : []
  for (const target of targets()) {
    const addon = path.join(options.natives, addonFile(target))
    if (!existsSync(addon)) {
      if (options.all) throw new Error(`there is no ${addon}: npm run build:native -- --target ${target.triple}`)
      process.stdout.write(`no package for ${target.platformArchABI}: it is not built here\n`)
      continue
    }

    const folder = path.join(out, target.platformArchABI)
    mkdirSync(path.join(folder, 'python'), {recursive: true})
    copyFileSync(addon, path.join(folder, addonFile(target)))
    strip(path.join(folder, addonFile(target)))
    copyFileSync(path.join(ROOT, 'LICENSE'), path.join(folder, 'LICENSE'))
    writeFileSync(
      path.join(folder, 'README.md'),
      `# ${target.platformArchABI}\n\nThe compiled part of [npubridge](https://www.npmjs.com/package/npubridge), which depends on it.\n`,
    )
    for (const wheel of wheelsFor(target, wheels, manifest.version)) {
      copyFileSync(path.join(options.wheels, wheel), path.join(folder, 'python', wheel))
    }

    pack(folder, platformManifest(manifest, target), LIMIT_BYTES.platform)
  }
}

if (!statSync(path.join(ROOT, 'dist'), {throwIfNoEntry: false})) throw new Error('there is no dist: npm run build:ts')
rmSync(out, {force: true, recursive: true})
mkdirSync(out, {recursive: true})
packMain()
packPlatforms()
