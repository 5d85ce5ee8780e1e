import {execFileSync} from 'node:child_process'
import {globSync, mkdtempSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

/** The Python package npubridge as it is given to people: the wheel that `npm run build:python` makes. */

const PACKAGE = path.resolve(import.meta.dirname, '../../../native/python')

export const WHEELS = path.join(PACKAGE, 'dist')

let unpacked: string | undefined

/** The wheel, the newest if there are several, or undefined where the Python package was not built. */
export function wheelOfNpubridge(): string | undefined {
  const wheels = globSync('npubridge-*.whl', {cwd: WHEELS}).map((name) => path.join(WHEELS, name))
  return wheels.toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]
}

/**
 * A folder in which Python finds the package npubridge, out of the wheel. Where there is none it is the package's source,
 * which answers by its reference instead of the engine.
 */
export function npubridgeFolder(): string {
  const wheel = wheelOfNpubridge()
  if (!wheel) return path.join(PACKAGE, 'python')
  if (unpacked === undefined) {
    const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-package-'))
    process.once('exit', () => {
      rmSync(folder, {recursive: true, force: true})
    })
    execFileSync('python3', ['-m', 'zipfile', '-e', wheel, folder])
    unpacked = folder
  }

  return unpacked
}
