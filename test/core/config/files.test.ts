import {expect} from 'chai'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {NpuBridgeError} from '../../../src/core/errors.ts'

import {findConfigFile, readConfigFile} from '../../../src/core/config/files.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('the file of a configuration', () => {
  let folder: string
  const write = async (name: string, content: string) => writeFile(path.join(folder, name), content)

  beforeEach(async () => {
    folder = await makeFolder()
    await write('package.json', '{}')
  })

  afterEach(async () => removeFolder(folder))

  async function failure(work: Promise<unknown>): Promise<NpuBridgeError> {
    try {
      await work
    } catch (error) {
      return error as NpuBridgeError
    }

    throw new Error('it did not fail')
  }

  it('is found in each of its forms', async () => {
    expect(await findConfigFile(folder)).to.equal(null)
    await write('package.json', '{"npubridge": {"retries": 1}}')
    expect(await findConfigFile(folder)).to.deep.include({key: 'npubridge', values: {retries: 1}})
    await write('package.json', '{}')
    await write('npubridge.config.yaml', 'retries: 2\nqueue:\n  capacity: 5\n')
    expect((await findConfigFile(folder))?.values).to.deep.equal({retries: 2, queue: {capacity: 5}})
  })

  it('may be that of a folder above, within the project', async () => {
    await write('npubridge.config.json', '{"retries": 3}')
    const inner = path.join(folder, 'a', 'b')
    await mkdir(inner, {recursive: true})
    expect((await findConfigFile(inner))?.values).to.deep.equal({retries: 3})
    await writeFile(path.join(inner, 'package.json'), '{}')
    expect(await findConfigFile(inner)).to.equal(null)
  })

  it('is one: two of them contradict each other', async () => {
    await write('npubridge.config.json', '{}')
    await write('npubridge.config.yaml', '')
    const error = await failure(findConfigFile(folder))
    expect(error.code).to.equal('CONFIG_INVALID')
    expect(error.message).to.contain('npubridge.config.json and npubridge.config.yaml')
  })

  it('may have notes for editors', async () => {
    await write('a.json', '{"$schema": "x", "retries": 1}')
    expect((await readConfigFile(path.join(folder, 'a.json'))).values).to.deep.equal({retries: 1})
  })

  it('says what is wrong with a file that is none', async () => {
    for (const [name, content, message] of [
      ['a.json', '{', 'is not JSON'],
      ['a.yaml', 'a: [', 'is not YAML'],
      ['b.json', '[1]', 'is an array of 1 element, a configuration is an object'],
      ['package.json', '{}', 'has no npubridge'],
    ] as const) {
      await write(name, content)
      const error = await failure(readConfigFile(path.join(folder, name)))
      expect(error.code, name).to.equal('CONFIG_INVALID')
      expect(error.message).to.contain(message)
    }

    expect((await failure(readConfigFile('/nowhere.json'))).message).to.contain('there is no file /nowhere.json')
  })
})
