import {stdoutWidth} from '../table.ts'
import {wrap} from '../wrap.ts'
import {renderTarget} from './figure.ts'

export interface PrintableListedSuite {
  readonly name: string
  readonly description: string
  readonly metrics: ReadonlyArray<{
    readonly name: string
    readonly title: string
    readonly unit: string
    readonly better: 'higher' | 'lower'
    readonly target?: {readonly bound: number; readonly kind: 'ratio' | 'value'} | undefined
  }>
}

/** What can be measured, by the names that flags take. */
export function renderSuiteList(suites: readonly PrintableListedSuite[], width = stdoutWidth()): string {
  return suites
    .flatMap(({description, metrics, name}) => [
      ...wrap(`${name}: ${description}`, width),
      ...metrics.map(({better, name: metric, target, title, unit}) => {
        const promise = {better, target: target?.bound ?? null, target_kind: target?.kind ?? null, unit}
        const aim = renderTarget(promise)
        return `  ${name}.${metric}: ${title}, ${unit}, ${better} is better${aim === null ? '' : `, target ${aim}`}`
      }),
    ])
    .join('\n')
}
