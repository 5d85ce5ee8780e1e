import {cp, mkdir, symlink} from 'node:fs/promises'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** A copy of this build in `folder`, whose compiled sources may be changed. */
export async function copyBuild(folder: string): Promise<string> {
  await mkdir(folder, {recursive: true})
  await cp(path.join(ROOT, 'dist'), path.join(folder, 'dist'), {recursive: true})
  for (const name of ['native', 'node_modules', 'package.json']) {
    await symlink(path.join(ROOT, name), path.join(folder, name))
  }

  return folder
}
