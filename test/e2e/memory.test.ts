import {expect} from 'chai'
import {execa} from 'execa'
import {writeFileSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'

import {type NativeSetup, requireNative} from '../support/native.ts'

const PROJECT = path.resolve(import.meta.dirname, '../..')
const FOUND_ERROR = 99
const OPTIONS = [
  '--quiet',
  `--error-exitcode=${FOUND_ERROR}`,
  '--num-callers=24',
  // V8 and OpenVINO compute with uninitialised padding; what matters here is memory that is gone.
  '--undef-value-errors=no',
  `--suppressions=${path.join(PROJECT, 'native/valgrind.supp')}`,
]
/** Reads memory that is gone, as soon as it is loaded. */
const PLANTED = `
#include <stdlib.h>
__attribute__((constructor)) static void plant(void) {
  volatile char *gone = malloc(64);
  free((void *)gone);
  (void)gone[8];
}
`

/** Buffers that are transferred, resized and truncated while operations that took them are in flight. */
describe('memory across the border, under Valgrind', function () {
  this.timeout(300_000)
  let setup: NativeSetup
  let folder: string

  before(async function () {
    setup = await requireNative(this, ['silero-vad'])
    for (const tool of ['valgrind', 'cc']) {
      const {failed} = await execa(tool, ['--version'], {reject: false})
      if (failed) this.skip()
    }

    folder = await mkdtemp(path.join(tmpdir(), 'npubridge-memory-'))
  })

  after(async () => {
    if (folder) await rm(folder, {recursive: true})
  })

  async function check(...args: readonly string[]) {
    return execa('valgrind', [...OPTIONS, process.execPath, ...args], {all: true, reject: false})
  }

  it('finds a planted access to memory that is gone', async () => {
    const library = path.join(folder, 'planted.so')
    writeFileSync(path.join(folder, 'planted.c'), PLANTED)
    await execa('cc', ['-shared', '-fPIC', '-o', library, path.join(folder, 'planted.c')])
    // Its loading fails, for it is no add-on; the access comes before that.
    const load = `try { process.dlopen({exports: {}}, ${JSON.stringify(library)}) } catch {}`
    const {all, exitCode} = await check('-e', load)
    expect(exitCode, all).to.equal(FOUND_ERROR)
    expect(all).to.match(/Invalid read of size 1\n.*plant /)
  })

  it('finds none while buffers are transferred, resized, truncated and collected in flight', async () => {
    const child = path.join(import.meta.dirname, 'memory-child.ts')
    const cache = path.join(folder, 'cache')
    const {all, exitCode} = await check('--expose-gc', child, setup.runtimeFolder, setup.modelsFolder, cache)
    expect(exitCode, all).to.equal(0)
    expect(all).to.equal('done')
  })
})
