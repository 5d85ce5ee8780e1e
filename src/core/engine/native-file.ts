/**
 * Where the add-on is. Who installs npubridge gets it in a package of its own for this platform, an optional dependency
 * that needs no compiler; a checkout has the one that it built.
 */
import {existsSync, readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'

/** What there are packages for: the targets of native/node/package.json, as packages are named. */
export const PACKAGED_PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
  'darwin-arm64',
] as const

/** The file of an add-on, or why there is none in a place. */
export type NativeCandidate =
  {readonly file: string; readonly problem?: undefined} | {readonly place: string; readonly problem: string}

/** Platform, architecture and C library: linux-x64-gnu. */
export function platformName(): string {
  const base = `${process.platform}-${process.arch}`
  if (process.platform === 'linux') return `${base}-${isMusl() ? 'musl' : 'gnu'}`
  return process.platform === 'win32' ? `${base}-msvc` : base
}

/** The folder of the installed package for this platform, found from `root`, npubridge's own; null when there is none. */
export function platformPackage(root: string, platform = platformName()): null | string {
  try {
    return path.dirname(createRequire(path.join(root, 'package.json')).resolve(`@npubridge/${platform}/package.json`))
  } catch {
    return null
  }
}

/** In the order in which they are tried: what NPUBRIDGE_NATIVE names and nothing else, or the package, then the build. */
export function nativeCandidates(root: string, env: NodeJS.ProcessEnv, platform = platformName()): NativeCandidate[] {
  if (env.NPUBRIDGE_NATIVE) return [{file: path.resolve(env.NPUBRIDGE_NATIVE)}]
  return [inPackage(root, platform), {file: path.join(root, 'native', 'node', `npubridge.${platform}.node`)}]
}

/** What to do where no add-on loads: a checkout builds it, others install it or build it from a checkout. */
export function nativeAdvice(root: string, platform = platformName()): string[] {
  const without = '--engine legacy runs without it'
  if (isCheckout(root)) return ['npm run build:native   builds it here (needs Rust, see https://rustup.rs)', without]
  const build =
    'build it from a checkout of npubridge (needs Rust): npm ci && npm run build:native, then NPUBRIDGE_NATIVE=native/node/' +
    `npubridge.${platform}.node`
  if (!(PACKAGED_PLATFORMS as readonly string[]).includes(platform)) return [build, without]
  return [
    `npm install @npubridge/${platform}@${versionIn(root)}   brings it; --omit=optional leaves it out`,
    build,
    without,
  ]
}

function inPackage(root: string, platform: string): NativeCandidate {
  const place = `@npubridge/${platform}`
  const folder = platformPackage(root, platform)
  if (folder === null) return {place, problem: 'not installed'}
  const [found, wanted] = [versionIn(folder), versionIn(root)]
  // What the two say to each other is not kept compatible between versions.
  if (found !== wanted) return {place, problem: `is version ${found}, this is npubridge ${wanted}`}
  return {file: path.join(folder, `npubridge.${platform}.node`)}
}

function isCheckout(root: string): boolean {
  return existsSync(path.join(root, 'native', 'Cargo.toml'))
}

function versionIn(folder: string): string {
  const {version} = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {version?: string}
  return version ?? 'unknown'
}

function isMusl(): boolean {
  const report = process.report?.getReport() as undefined | {header?: {glibcVersionRuntime?: string}}
  return report?.header?.glibcVersionRuntime === undefined
}
