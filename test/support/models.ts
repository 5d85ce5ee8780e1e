import {createHash} from 'node:crypto'
import path from 'node:path'

import type {CatalogueFile, CatalogueModel} from '../../src/core/models/catalogue.ts'

import {pinOf} from './runtime.ts'
import {writeZip} from './zip.ts'

/** A model of two small wheels in `folder`, laid out like those of the catalogue. */
export async function fakeModel(folder: string, name = 'tiny'): Promise<CatalogueModel> {
  const main = path.join(folder, `${name}-1.2.0-py3-none-any.whl`)
  const extra = path.join(folder, `${name}_extra-3.0.0-py3-none-any.whl`)
  await writeZip(main, [
    {name: `${name}/model.onnx`, content: 'the model'},
    {name: `${name}/__init__.py`, content: ''},
  ])
  await writeZip(extra, [{name: `${name}/data/tokenizer.json`, content: '{}'}])
  const mainWheel = await pinOf(main, name, '1.2.0')
  const extraWheel = await pinOf(extra, `${name}-extra`, '3.0.0')
  const file = (wheel: CatalogueFile['wheel'], member: string, relative: string, content: string): CatalogueFile => {
    const sha256 = createHash('sha256').update(content).digest('hex')
    return {wheel, member, path: relative, sha256, bytes: content.length}
  }

  return {
    name,
    version: '1.2.0',
    task: 'tests',
    license: 'MIT',
    source: `pkg:pypi/${name}@1.2.0`,
    homepage: 'https://example.org',
    file: 'model.onnx',
    state: [{output: 'stateN', input: 'state'}],
    files: [
      file(mainWheel, `${name}/model.onnx`, 'model.onnx', 'the model'),
      file(extraWheel, `${name}/data/tokenizer.json`, 'data/tokenizer.json', '{}'),
    ],
  }
}
