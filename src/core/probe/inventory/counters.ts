import type {Root} from '../root.ts'
import type {Accelerator} from './accelerators.ts'

/** What the driver tells only root, in debugfs. Files that act when written or read are never opened. */
import {isDenied, isValue, type Reading, wordOf} from '../reading.ts'

export interface Counters {
  readonly firmware: string | null
  readonly resets: number | null
  readonly engineResets: number | null
}

const DEBUGFS = '/sys/kernel/debug'

export function gatherCounters(root: Root, npu: Accelerator): Reading<Counters> {
  const top = root.list(DEBUGFS)
  if (!isValue(top)) return isDenied(top) ? {detail: 'needs root', unreadable: 'denied'} : top
  const folders = [npu.address, npu.name?.replace('accel', '')].map((name) => `${DEBUGFS}/accel/${name}`)
  const folder = folders.find((candidate) => isValue(root.list(candidate)))
  if (!folder) return {detail: 'debugfs shows no accelerator (it may not be mounted)', unreadable: 'absent'}
  return {
    value: {
      firmware: wordOf(root.text(`${folder}/fw_version`)),
      resets: count(wordOf(root.text(`${folder}/reset_counter`))),
      engineResets: count(wordOf(root.text(`${folder}/engine_reset_counter`))),
    },
  }
}

function count(word: string | null): number | null {
  return word !== null && /^\d+$/.test(word) ? Number(word) : null
}
