/** Counters of Linux that tell what kept work from running; all zero where there are none. */
import {glob, readFile} from 'node:fs/promises'

export interface Counters {
  /** Processor time since the start, in ticks: all of it, and what a hypervisor gave to others. */
  readonly ticks: number
  readonly stolen: number
  /** How often the group of this process was held back by its limit. */
  readonly limited: number
  /** How often any core was throttled because of its temperature. */
  readonly throttled: number
}

/** Where `cpu ` in /proc/stat has the stolen time; what comes after it is counted elsewhere already (proc_stat(5)). */
const STOLEN = 7

export async function readCounters(root = '/'): Promise<Counters> {
  const stat = await read(`${root}proc/stat`)
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '')
    .split(' ')
    .map(Number)
    .slice(0, STOLEN + 1)
  const group = await read(`${root}sys/fs/cgroup/cpu.stat`)
  return {
    ticks: ticks.reduce((sum, each) => sum + each, 0),
    stolen: ticks[STOLEN] ?? 0,
    limited: Number(/^nr_throttled (\d+)$/m.exec(group)?.[1] ?? 0),
    throttled: await heat(root),
  }
}

async function heat(root: string): Promise<number> {
  let count = 0
  const pattern = `${root}sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count`
  for await (const file of glob(pattern)) count += Number(await read(file))
  return count
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
