import path from 'node:path'

import {ROOT} from './packages.ts'

export const VENV = path.join(ROOT, '.venv')

/** A program of the project's Python environment. */
export function inVenv(program: string): string {
  return process.platform === 'win32' ? path.join(VENV, 'Scripts', `${program}.exe`) : path.join(VENV, 'bin', program)
}
