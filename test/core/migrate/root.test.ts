import {expect} from 'chai'
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {EXIT, type NpuBridgeError} from '../../../src/core/errors.ts'
import {nodeEffects} from '../../../src/core/migrate/node-effects.ts'
import {resembledSubcommand, resolveRoot} from '../../../src/core/migrate/root.ts'
import {emptyFolder, removeFolders} from './workspace.ts'

describe('the root of a migration', () => {
  after(removeFolders)

  it('is a folder that exists, or a mistyped subcommand', () => {
    const {fs} = nodeEffects()
    const root = emptyFolder()
    expect(resolveRoot(fs, root)).to.equal(root)
    mkdirSync(path.join(root, 'x'))
    writeFileSync(path.join(root, 'file'), '')
    for (const [given, suggestion] of [
      ['rolback', 'npubridge migrate rollback .'],
      ['Status', 'npubridge migrate status .'],
      [path.join(root, 'missing'), 'name the root of the code base: npubridge migrate .'],
      [path.join(root, 'file'), `name the root of the code base: npubridge migrate "${root}"`],
    ] as const) {
      try {
        resolveRoot(fs, given)
        expect.fail(`${given} was taken`)
      } catch (error) {
        expect((error as NpuBridgeError).exitCode).to.equal(EXIT.usage)
        expect((error as NpuBridgeError).suggestions).to.deep.equal([suggestion])
      }
    }

    expect(resembledSubcommand('hist')).to.equal('history')
    expect(resembledSubcommand('projects')).to.equal(null)
  })
})
