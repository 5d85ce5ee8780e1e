import {stat, statfs} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'
import {nearestExisting} from './folder.ts'

/** Bytes that will be written below a folder, which need not exist yet. */
export interface SpaceNeed {
  readonly folder: string
  readonly bytes: number
}

export interface FreeSpace {
  /** Distinguishes file systems, so that two folders on one disk share its space. */
  readonly device: number
  readonly bytes: number
}

export type MeasureSpace = (existingFolder: string) => Promise<FreeSpace>

export const measureSpace: MeasureSpace = async (existingFolder) => {
  const [{dev}, {bavail, bsize}] = await Promise.all([stat(existingFolder), statfs(existingFolder)])
  return {device: dev, bytes: bavail * bsize}
}

/**
 * Checks that each disk has room for all that will be written to it, and returns the least room in bytes.
 *
 * @throws {NpuBridgeError} RESOURCE_EXHAUSTED that names needed and free bytes
 */
export async function requireSpace(needs: readonly SpaceNeed[], measure: MeasureSpace = measureSpace): Promise<number> {
  const disks = new Map<number, {folder: string; free: number; needed: number}>()
  for (const {folder, bytes} of needs) {
    const place = await nearestExisting(path.resolve(folder))
    const free = await measure(place)
    const disk = disks.get(free.device) ?? {folder: place, free: free.bytes, needed: 0}
    disks.set(free.device, {...disk, needed: disk.needed + bytes})
  }

  for (const disk of disks.values()) if (disk.needed > disk.free) throw tooFull(disk)
  return Math.min(...[...disks.values()].map((disk) => disk.free))
}

function tooFull({folder, free, needed}: {folder: string; free: number; needed: number}): NpuBridgeError {
  return new NpuBridgeError(
    'RESOURCE_EXHAUSTED',
    `${inWords(needed)} are needed in ${folder}, ${inWords(free)} are free.`,
    {
      suggestions: [
        `Free some space: df -h ${folder}`,
        'Keep everything on another disk: export NPUBRIDGE_HOME=/path/to/folder',
      ],
    },
  )
}

/** A size for a message: 156 MB, 1.2 GB. */
export function inWords(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
