import type {Root} from '../root.ts'

/** Level Zero as files: loader, NPU driver and compiler, where the loader looks and where it does not. */
import {isValue, valueOf} from '../reading.ts'

export interface Library {
  readonly path: string
  /** From the name of the file that its link leads to. */
  readonly version: string | null
}

export interface LevelZero {
  /** Folders in which the loader searches, in its order. */
  readonly folders: readonly string[]
  readonly loader: Library | null
  /** libze_intel_npu.so.1 in one of these folders. */
  readonly driver: Library | null
  /** The driver's name before version 1.16. */
  readonly staleDriver: Library | null
  /** Drivers in places where the loader does not look, snaps apart. */
  readonly unseenDrivers: readonly string[]
  readonly snapDrivers: readonly string[]
  /** The driver's model compiler. */
  readonly compiler: Library | null
}

const COMPILERS = ['libnpu_driver_compiler.so', 'libvpux_driver_compiler.so']
const DRIVER = 'libze_intel_npu.so.1'

export function gatherLevelZero(root: Root): LevelZero {
  const folders = searchFolders(root)
  const first = (name: string) => findLibrary(root, folders, name)
  return {
    folders,
    loader: first('libze_loader.so.1'),
    driver: first(DRIVER),
    staleDriver: first('libze_intel_vpu.so.1'),
    unseenDrivers: driversBelow(root, '/opt', OPT_FOLDERS),
    snapDrivers: driversBelow(root, '/snap', SNAP_FOLDERS),
    compiler: COMPILERS.map(first).find((library) => library !== null) ?? null,
  }
}

/** What the linker and the Level Zero loader search: LD_LIBRARY_PATH, ld.so.conf, the standard folders. */
function searchFolders(root: Root): string[] {
  const named = root.machine.environment?.LD_LIBRARY_PATH?.split(':') ?? []
  const triplets = ['/lib', '/usr/lib'].flatMap((parent) =>
    (valueOf(root.list(parent)) ?? [])
      .filter((name) => /^\w+-linux-gnu$/.test(name))
      .map((name) => `${parent}/${name}`),
  )
  const standard = ['/lib', '/usr/lib', '/usr/local/lib', ...triplets, '/lib64', '/usr/lib64', '/run/opengl-driver/lib']
  const all = [...named, ...configuredFolders(root, '/etc/ld.so.conf'), ...standard]
  return [...new Set(all.filter((folder) => folder.startsWith('/') && isValue(root.list(folder))))]
}

/** Folders of ld.so.conf and of the files that it includes; an include inside an included file is not followed. */
function configuredFolders(root: Root, file: string, depth = 0): string[] {
  const lines = (valueOf(root.text(file)) ?? '').split('\n').map((line) => line.trim())
  return lines.flatMap((line) => {
    if (line.startsWith('/')) return [line]
    const included = /^include\s+(\S+)\/\*\.conf$/.exec(line)?.[1]
    if (!included || depth > 0) return []
    const names = (valueOf(root.list(included)) ?? []).filter((name) => name.endsWith('.conf'))
    return names.flatMap((name) => configuredFolders(root, `${included}/${name}`, depth + 1))
  })
}

function findLibrary(root: Root, folders: readonly string[], name: string): Library | null {
  for (const folder of folders) {
    const real = valueOf(root.canonical(`${folder}/${name}`))
    if (real) return {path: `${folder}/${name}`, version: /\.so\.(\d+\.\d+[\d.]*)$/.exec(real)?.[1] ?? null}
  }

  return null
}

const OPT_FOLDERS = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'usr/lib', 'usr/lib/x86_64-linux-gnu']
const SNAP_FOLDERS = OPT_FOLDERS.map((folder) => `current/${folder}`)

/** Looks one and two folders deep: /opt/NAME and /opt/VENDOR/NAME. */
function driversBelow(root: Root, parent: string, folders: readonly string[]): string[] {
  const children = (folder: string) => (valueOf(root.list(folder)) ?? []).map((name) => `${folder}/${name}`)
  const products = children(parent)
  const places = parent === '/opt' ? [...products, ...products.flatMap(children)] : products
  return places
    .flatMap((place) => folders.map((folder) => `${place}/${folder}/${DRIVER}`))
    .filter((file) => isValue(root.canonical(file)))
}
