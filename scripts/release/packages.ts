/** What is published to npm: npubridge itself, and a package for each platform with what is compiled for it. */
import {parseTriple} from '@napi-rs/cli'
import {readFileSync} from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '..', '..')

/** What a packed tarball may take at most: npubridge is downloaded by everybody, a platform package once a platform. */
export const LIMIT_BYTES = {main: 1_500_000, platform: 9_000_000} as const

export type Target = ReturnType<typeof parseTriple>

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export function readManifest(folder = ROOT): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest
}

/** The platforms that the add-on is built for, as native/node/package.json lists them. */
export function targets(): Target[] {
  const {napi} = readManifest(path.join(ROOT, 'native', 'node')) as Manifest & {napi: {targets: string[]}}
  return napi.targets.map((triple) => parseTriple(triple))
}

export function platformPackageName({platformArchABI}: Target): string {
  return `@npubridge/${platformArchABI}`
}

export function addonFile({platformArchABI}: Target): string {
  return `npubridge.${platformArchABI}.node`
}

/** Where the sources are, which npm holds against the origin of a release; known where a release is made. */
function repository(env: NodeJS.ProcessEnv): object {
  const {GITHUB_REPOSITORY, GITHUB_SERVER_URL} = env
  if (!GITHUB_REPOSITORY) return {}
  return {repository: {type: 'git', url: `git+${GITHUB_SERVER_URL ?? ''}/${GITHUB_REPOSITORY}.git`}}
}

/** Fields of the project's manifest that only a checkout has a use for. */
const CHECKOUT_ONLY = new Set(['allowScripts', 'devDependencies', 'scripts'])

/**
 * The manifest that is published. The platform packages are optional dependencies of exactly this version; the project's
 * own manifest has none, since a checkout builds its add-on and they need not exist yet.
 */
export function publishedManifest(manifest: Manifest, env: NodeJS.ProcessEnv = process.env): Manifest {
  return {
    ...(Object.fromEntries(Object.entries(manifest).filter(([field]) => !CHECKOUT_ONLY.has(field))) as Manifest),
    ...repository(env),
    optionalDependencies: {
      ...manifest.optionalDependencies,
      ...Object.fromEntries(targets().map((target) => [platformPackageName(target), manifest.version] as const)),
    },
    publishConfig: {access: 'public'},
  }
}

/** The manifest of the package for one platform. */
export function platformManifest(manifest: Manifest, target: Target, env: NodeJS.ProcessEnv = process.env): Manifest {
  const {platform, arch, abi, platformArchABI} = target
  const libc = abi === 'gnu' ? 'glibc' : abi
  return {
    name: platformPackageName(target),
    version: manifest.version,
    description: `The engine of npubridge for ${platformArchABI}, and its Python wheel`,
    license: manifest.license,
    ...repository(env),
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' && libc !== null && {libc: [libc]}),
    engines: manifest.engines,
    main: addonFile(target),
    files: [addonFile(target), 'python/*.whl'],
    publishConfig: {access: 'public'},
  }
}

/** Platform tags of wheels by what platform packages are called. */
const WHEEL_TAGS: Record<string, RegExp> = {
  'linux-x64-gnu': /(many)?linux\w*_x86_64\.whl$/,
  'linux-arm64-gnu': /(many)?linux\w*_aarch64\.whl$/,
  'linux-x64-musl': /musllinux\w*_x86_64\.whl$/,
  'win32-x64-msvc': /win_amd64\.whl$/,
  'darwin-arm64': /macosx\w*_(arm64|universal2)\.whl$/,
}

/** The wheels among `names` that belong into the package of `target`. */
export function wheelsFor(target: Target, names: readonly string[], version: string): string[] {
  const tag = WHEEL_TAGS[target.platformArchABI]
  if (tag === undefined) throw new Error(`no tag of wheels is known for ${target.platformArchABI}`)
  const isOther = (name: string) => target.abi === 'gnu' && name.includes('musllinux')
  return names.filter((name) => name.startsWith(`npubridge-${version}-`) && tag.test(name) && !isOther(name))
}
