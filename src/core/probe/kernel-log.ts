import {Buffer} from 'node:buffer'
import {closeSync, constants, openSync, readSync} from 'node:fs'

import {attempt, printable, type Reading} from './reading.ts'

const RECORD_BYTES = 8192
const MAX_RECORDS = 50_000

/**
 * The kernel's messages of this boot, without starting a program: /dev/kmsg gives one record a read and EAGAIN at the
 * end. It needs root, or `kernel.dmesg_restrict` off.
 */
export function readKernelLog(): Reading<readonly string[]> {
  return attempt('/dev/kmsg', () => {
    const descriptor = openSync('/dev/kmsg', constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      return readRecords(descriptor)
    } finally {
      closeSync(descriptor)
    }
  })
}

function readRecords(descriptor: number): string[] {
  const lines: string[] = []
  const record = Buffer.allocUnsafe(RECORD_BYTES)
  while (lines.length < MAX_RECORDS) {
    const text = nextRecord(descriptor, record)
    if (text === null) break
    if (text) lines.push(text)
  }

  return lines
}

/** The message of one record, '' for one that was overwritten meanwhile, null at the end. */
function nextRecord(descriptor: number, record: Buffer): string | null {
  try {
    const count = readSync(descriptor, record)
    return count === 0 ? null : messageOf(record.toString('utf8', 0, count))
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'EAGAIN') return null
    if (code === 'EPIPE') return ''
    throw error
  }
}

/** A record is "priority,sequence,time,flags;message\n KEY=value…"; printk escapes odd bytes itself. */
function messageOf(record: string): string {
  const [first = ''] = record.split('\n', 1)
  return printable(first.slice(first.indexOf(';') + 1))
}
