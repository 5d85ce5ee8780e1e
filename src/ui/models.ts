import {mark} from './mark.ts'
import {renderTable} from './table.ts'
import {formatBytes} from './units.ts'

export interface PrintableListedModel {
  readonly name: string
  readonly version: string
  readonly task: string
  readonly license: string
  readonly state: 'available' | 'damaged' | 'installed' | 'outdated' | 'own'
  readonly problem: string | null
  readonly bytes: number
  readonly downloadBytes: number
}

const PRESENCE = {
  available: () => `${mark('none')} no`,
  damaged: ({problem}: PrintableListedModel) => `${mark('failed')} damaged: ${problem ?? 'unknown reason'}`,
  installed: () => `${mark('ok')} yes`,
  outdated: () => `${mark('warning')} in another version`,
  own: () => `${mark('ok')} your own`,
}

/** The models as a table, and what to do next. */
export function renderModelList(models: readonly PrintableListedModel[], folder: string): string {
  const table = renderTable({
    columns: [
      {title: 'name'},
      {title: 'version'},
      {title: 'what it does'},
      {title: 'licence'},
      {title: 'size', align: 'right'},
      {title: 'here'},
    ],
    rows: models.map((model) => [
      model.name,
      model.version,
      model.task,
      model.license,
      formatBytes(model.bytes),
      PRESENCE[model.state](model),
    ]),
  })
  const missing = models.filter(({state}) => state !== 'installed' && state !== 'own')
  return [table, `Folder: ${folder}`, ...hint(missing)].join('\n')
}

function hint(missing: readonly PrintableListedModel[]): string[] {
  if (missing.length === 0) return []
  const bytes = missing.reduce((sum, {downloadBytes}) => sum + downloadBytes, 0)
  const names = missing.map(({name}) => name).join(' ')
  return [`Fetch:  npubridge models pull ${names}   (${formatBytes(bytes)} to download)`]
}

/** What a pull has brought, and what to do next. */
export function renderPulled(
  models: ReadonlyArray<{readonly file: string; readonly name: string; readonly outcome: string}>,
): string {
  return [
    ...models.map(
      ({name, file, outcome}) => `${mark('ok')} ${name}${outcome === 'unchanged' ? ' was here already' : ''}: ${file}`,
    ),
    `  Next: npubridge models show ${models[0]?.name ?? ''}`,
  ].join('\n')
}

interface PrintableTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

export interface PrintableModel {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly about: {
    readonly version: string
    readonly task: string
    readonly license: string
    readonly source: string
    readonly homepage: string | null
  } | null
  readonly state: ReadonlyArray<{readonly input: string; readonly output: string}>
  readonly tensors: {readonly inputs: readonly PrintableTensor[]; readonly outputs: readonly PrintableTensor[]} | null
  readonly unreadable: {readonly message: string; readonly suggestions: readonly string[]} | null
}

/** A model: what it takes and gives, then where it is and where it comes from. */
export function renderModel(model: PrintableModel): string {
  const {about, tensors, unreadable} = model
  return [
    `${model.name}${about ? ` ${about.version} · ${about.task} · ${about.license}` : ''}`,
    ...(tensors ? [renderTensors(tensors)] : []),
    ...(unreadable ? [`${mark('warning')} Inputs and outputs are unknown: ${unreadable.message}`] : []),
    ...(unreadable?.suggestions ?? []).map((suggestion, index) => `${index === 0 ? '  Try:' : '      '} ${suggestion}`),
    ...model.state.map(({input, output}) => `State   ${output} → ${input}, carried along by a stream`),
    `File    ${model.path} (${formatBytes(model.bytes)})`,
    `sha256  ${model.sha256}`,
    ...(about ? [`Source  ${[about.source, about.homepage].filter(Boolean).join(' · ')}`] : []),
  ].join('\n')
}

function renderTensors({inputs, outputs}: NonNullable<PrintableModel['tensors']>): string {
  const row = (kind: string) => (tensor: PrintableTensor) => [
    kind,
    tensor.name,
    tensor.datatype,
    renderShape(tensor.shape),
  ]
  return renderTable({
    columns: [{title: ''}, {title: 'name'}, {title: 'datatype'}, {title: 'shape'}],
    rows: [...inputs.map(row('input')), ...outputs.map(row('output'))],
  })
}

/** [1, 576]; a free dimension, which is -1, is shown as ?. */
function renderShape(shape: readonly number[]): string {
  return `[${shape.map((dimension) => (dimension < 0 ? '?' : String(dimension))).join(', ')}]`
}
