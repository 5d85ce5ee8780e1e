import path from 'node:path'

import type {MigrateOptions} from './migrate.ts'

import {platformPackage} from '../engine/native-file.ts'

/** The flags that `migrate` and `migrate promote` share, as they are written. */
export interface MigrateFlags {
  readonly python?: string | undefined
  readonly package?: string | undefined
  readonly 'verify-command'?: string | undefined
  readonly 'allow-dirty': boolean
  readonly 'allow-no-vcs': boolean
  readonly 'dry-run': boolean
}

/** Where the wheels of the Python package are: with the add-on, or where a checkout builds them. */
function wheelsFolder(home: string): string {
  const installed = platformPackage(home)
  return installed === null ? path.join(home, 'native', 'python', 'dist') : path.join(installed, 'python')
}

/** What a command adds to its flags; `home` is the folder that npubridge itself is installed in. */
export type MigrateCircumstances = Pick<MigrateOptions, 'confirm' | 'root' | 'signal' | 'strategy' | 'version'> & {
  readonly home: string
}

export function migrateOptions(flags: MigrateFlags, {home, ...circumstances}: MigrateCircumstances): MigrateOptions {
  return {
    ...circumstances,
    python: flags.python ?? null,
    packageSpec: flags.package ?? null,
    wheels: wheelsFolder(home),
    verifyCommand: flags['verify-command'] ?? null,
    allowDirty: flags['allow-dirty'],
    allowNoVcs: flags['allow-no-vcs'],
    dryRun: flags['dry-run'],
  }
}
