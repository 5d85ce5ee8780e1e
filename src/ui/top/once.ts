/** `top` without a screen, and what it says of its source. */
import {type PrintableTop, renderTop, type TopLook} from './render.ts'

const PIPED_WIDTH = 160

/** Everything there is, for a pipe or a terminal that is read at leisure. */
export function renderOnce(top: PrintableTop): string {
  const width = process.stdout.isTTY ? process.stdout.columns : Number(process.env.COLUMNS) || PIPED_WIDTH
  const status = {kind: 'good', text: `${top.models.length} models, ${top.devices.length} devices`} as const
  return renderTop(top, {
    width,
    sort: 'ops/s',
    isReversed: false,
    offset: 0,
    status,
    rates: [],
    keys: null,
  }).join('\n')
}

/** What stands where `live` does, while it is not. */
export function statusOf({lost, restarts}: {lost: string | null; restarts: number}): TopLook['status'] {
  if (lost !== null) return {kind: 'bad', text: `✖ not connected, trying again: ${lost}`}
  if (restarts > 0) return {kind: 'good', text: `✔ live; restarted ${restarts} ×, counts begin anew`}
  return {kind: 'good', text: '✔ live'}
}
