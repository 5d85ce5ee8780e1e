/** How answers of routing look. */
import {mark} from './mark.ts'
import {renderTable} from './table.ts'
import {formatSeconds} from './units.ts'

export interface RouteView {
  readonly agent: null | string
  readonly score: number
  readonly reason: null | string
  readonly candidates?: ReadonlyArray<{readonly agent: string; readonly score: number}>
  readonly evidence?: number
  readonly threshold?: number
}

export function renderRoute(
  {agent, candidates = [], evidence, reason, score, threshold}: RouteView,
  method: string,
): string {
  const measured = evidence === undefined ? `score ${score.toFixed(2)}` : `evidence ${evidence.toFixed(2)}`
  const limit = threshold === undefined ? '' : ` of at least ${threshold.toFixed(2)}`
  const answer =
    agent === null
      ? `${mark('failed')} No agent fits: ${measured}${limit}`
      : `${mark('ok')} ${agent}   by ${method}, ${measured}${limit}`
  return [
    answer,
    ...(reason === null || reason === '' ? [] : [`  ${agent === null ? 'Nearest' : 'Because'}: ${reason}`]),
    ...candidates.slice(agent === null ? 0 : 1).map((each) => `  ${each.score.toFixed(2)}  ${each.agent}`),
  ].join('\n')
}

export interface EvaluationView {
  readonly method: string
  readonly texts: number
  readonly accuracy: number
  readonly accuracyWithThreshold: number
  readonly confusions: ReadonlyArray<{
    readonly expected: string
    readonly chosen: null | string
    readonly count: number
  }>
  readonly outOfScope: null | {readonly texts: number; readonly auroc: number; readonly refused: number}
  readonly textsPerSecond: number
  readonly device: null | string
}

const SHOWN_CONFUSIONS = 10

export function renderEvaluation(evaluation: EvaluationView): string {
  const {accuracy, confusions, device, method, outOfScope, texts, textsPerSecond} = evaluation
  return [
    `Accuracy       ${percent(accuracy)} of ${texts} texts (${percent(evaluation.accuracyWithThreshold)} with the threshold)`,
    outOfScope === null
      ? 'Out of scope   not measured: the file has no "oos_val"'
      : `Out of scope   AUROC ${outOfScope.auroc.toFixed(4)} with ${outOfScope.texts} texts; ${percent(outOfScope.refused)} refused`,
    `Speed          ${Math.round(textsPerSecond).toLocaleString('en').replaceAll(',', ' ')} texts/s by ${method}${device ? ` on ${device}` : ''}`,
    ...(confusions.length === 0
      ? []
      : [
          renderTable({
            columns: [{title: 'expected'}, {title: 'chosen'}, {title: 'times', align: 'right'}],
            rows: confusions
              .slice(0, SHOWN_CONFUSIONS)
              .map(({chosen, count, expected}) => [expected, chosen ?? 'none', String(count)]),
          }),
        ]),
  ].join('\n')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

export interface TrainingView {
  readonly output: string
  readonly examples: number
  readonly labels: number
  readonly threshold: null | number
  readonly calibratedOn: null | {readonly inside: number; readonly outside: number}
  readonly seconds: number
}

type TrainEventView =
  | {readonly type: 'embedding'; readonly done: number; readonly total: number}
  | {readonly type: 'learning'; readonly examples: number; readonly labels: number}

export function renderTrainEvent(event: TrainEventView): string {
  return event.type === 'embedding'
    ? `  Embedded ${event.done} of ${event.total} texts`
    : `  Learning ${event.labels} labels from ${event.examples} examples`
}

export function renderTraining(report: TrainingView): string {
  const {calibratedOn, examples, labels, output, seconds, threshold} = report
  const scope =
    calibratedOn === null
      ? '  No threshold: it takes "val" and texts out of scope to find one; every text gets a label'
      : `  Below an evidence of ${threshold?.toFixed(2) ?? '−∞'} no label fits (found with ${calibratedOn.inside} texts in scope and ${calibratedOn.outside} out of it)`
  return [
    `${mark('ok')} Learned ${labels} labels from ${examples} examples in ${formatSeconds(seconds)}: ${output}`,
    scope,
    `  Use it: npubridge route "…" --head ${output}`,
  ].join('\n')
}
