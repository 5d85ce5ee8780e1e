import {expect} from 'chai'
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {
  nativeAdvice,
  nativeCandidates,
  PACKAGED_PLATFORMS,
  platformName,
  platformPackage,
} from '../../../src/core/engine/native-file.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

describe('where the add-on is', () => {
  let root: string
  const built = () => path.join(root, 'native', 'node', 'npubridge.linux-x64-gnu.node')

  function write(folder: string, version: string): string {
    mkdirSync(path.join(root, folder), {recursive: true})
    writeFileSync(path.join(root, folder, 'package.json'), JSON.stringify({version}))
    return path.join(root, folder)
  }

  beforeEach(async () => {
    root = await makeFolder()
    write('.', '1.2.3')
  })

  afterEach(async () => removeFolder(root))

  it('is the installed package of this version before what was built', () => {
    const folder = write('node_modules/@npubridge/linux-x64-gnu', '1.2.3')
    expect(platformPackage(root, 'linux-x64-gnu')).to.equal(folder)
    expect(nativeCandidates(root, {}, 'linux-x64-gnu')).to.deep.equal([
      {file: path.join(folder, 'npubridge.linux-x64-gnu.node')},
      {file: built()},
    ])
  })

  it('is never a package of another version', () => {
    write('node_modules/@npubridge/linux-x64-gnu', '1.2.2')
    expect(nativeCandidates(root, {}, 'linux-x64-gnu')).to.deep.equal([
      {place: '@npubridge/linux-x64-gnu', problem: 'is version 1.2.2, this is npubridge 1.2.3'},
      {file: built()},
    ])
  })

  it('is what was built where no package is installed, as for a libc that has another one', () => {
    write('node_modules/@npubridge/linux-x64-musl', '1.2.3')
    expect(nativeCandidates(root, {}, 'linux-x64-gnu')).to.deep.equal([
      {place: '@npubridge/linux-x64-gnu', problem: 'not installed'},
      {file: built()},
    ])
  })

  it('is the file that NPUBRIDGE_NATIVE names, and no other', () => {
    expect(nativeCandidates(root, {NPUBRIDGE_NATIVE: '/somewhere/else.node'})).to.deep.equal([
      {file: path.resolve('/somewhere/else.node')},
    ])
  })

  it('is built in a checkout, brought by npm elsewhere, and built from source where there is no package', () => {
    expect(nativeAdvice(ROOT)[0]).to.match(/^npm run build:native /)
    const [install, build] = nativeAdvice(root, 'linux-x64-gnu')
    expect(install).to.match(/^npm install @npubridge\/linux-x64-gnu@1\.2\.3 /)
    expect(build).to.contain('needs Rust').and.contain('NPUBRIDGE_NATIVE=native/node/npubridge.linux-x64-gnu.node')
    expect(nativeAdvice(root, 'freebsd-x64')[0]).to.contain('npubridge.freebsd-x64.node')
  })

  it('has packages for the targets of the add-on, of which this platform is one', async () => {
    const {napi} = JSON.parse(readFileSync(path.join(ROOT, 'native/node/package.json'), 'utf8')) as {
      napi: {targets: string[]}
    }
    const {parseTriple} = await import('@napi-rs/cli')
    expect(napi.targets.map((target) => parseTriple(target).platformArchABI)).to.deep.equal([...PACKAGED_PLATFORMS])
    if (process.platform === 'linux') expect(PACKAGED_PLATFORMS).to.include(platformName())
  })
})
