import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {runProcess} from '../../../src/core/process/run.ts'
import {pythonRuntime} from '../../../src/core/runtime/python.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe("the openvino package of the PATH's python3", () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  it('is found by the real python3, without being imported', async function () {
    try {
      execFileSync('python3', ['--version'], {stdio: 'ignore'})
    } catch {
      this.skip()
    }

    await mkdir(path.join(folder, 'openvino'))
    await writeFile(path.join(folder, 'openvino', '__init__.py'), 'raise RuntimeError("imported")')
    await mkdir(path.join(folder, 'openvino-2026.4.1.dist-info'))
    await writeFile(
      path.join(folder, 'openvino-2026.4.1.dist-info', 'METADATA'),
      'Metadata-Version: 2.1\nName: openvino\nVersion: 2026.4.1\n',
    )
    const found = await pythonRuntime(async (command, args, options) =>
      runProcess(command, args, {...options, env: {PYTHONPATH: folder}}),
    )
    expect(found).to.deep.equal({folder: path.join(folder, 'openvino', 'libs'), version: '2026.4.1'})
    const inFolder = await pythonRuntime(async (command, args, options) =>
      runProcess(command, args, {...options, cwd: folder, env: {PYTHONPATH: ''}}),
    )
    expect(inFolder?.folder).to.not.equal(path.join(folder, 'openvino', 'libs'))
  })
})
