/**
 * Publishes the tarballs of release/ to npm with provenance: `npm run release:publish [-- --dry-run]`. Platform packages go
 * first, so that there is no moment in which npubridge asks for what is not there.
 */
import {execFileSync} from 'node:child_process'
import {globSync} from 'node:fs'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {readManifest, ROOT, targets} from './packages.ts'

const {values: options} = parseArgs({options: {'dry-run': {type: 'boolean', default: false}}})
const {version} = readManifest()
const main = `npubridge-${version}.tgz`
const tarballs = globSync('*.tgz', {cwd: path.join(ROOT, 'release')})
const platforms = tarballs.filter((name) => name !== main)
if (!tarballs.includes(main)) throw new Error(`there is no release/${main}: npm run pack`)
if (!options['dry-run'] && platforms.length !== targets().length)
  throw new Error(
    `${targets().length} platform packages are to be published, there are ${platforms.length}: npm run pack -- --all`,
  )
const how = options['dry-run'] ? ['--dry-run'] : ['--provenance']
for (const name of [...platforms, main]) {
  execFileSync('npm', ['publish', path.join('release', name), '--access', 'public', ...how], {
    cwd: ROOT,
    stdio: 'inherit',
  })
}
