import {Buffer} from 'node:buffer'
import {writeFile} from 'node:fs/promises'
import {crc32} from 'node:zlib'

/** A member as it is to be written, whether or not that makes sense: archives that make none are tested too. */
export interface ZipMember {
  readonly name: string
  readonly content: Uint8Array | string
  /** Unix mode with file type; a regular file when absent. */
  readonly mode?: number
  /** What the archive claims the content to be long. */
  readonly claimedBytes?: number
}

/** Writes a zip file with uncompressed members (PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16). */
export async function writeZip(file: string, members: readonly ZipMember[]): Promise<void> {
  const locals: Uint8Array[] = []
  const central: Uint8Array[] = []
  let offset = 0
  for (const member of members) {
    const name = Buffer.from(member.name)
    const content = Buffer.from(member.content)
    const shared = sharedFields(content, name.length, member.claimedBytes ?? content.length)
    const local = Buffer.concat([u32(0x04_03_4b_50), u16(20), shared, u16(0), name, content])
    const mode = ((member.mode ?? 0o10_0644) << 16) >>> 0
    central.push(
      Buffer.concat([
        u32(0x02_01_4b_50),
        u16(0x03_14),
        u16(20),
        shared,
        u16(0),
        u16(0),
        u16(0),
        u16(0),
        u32(mode),
        u32(offset),
        name,
      ]),
    )
    locals.push(local)
    offset += local.length
  }

  const directory = Buffer.concat(central)
  const counts = [u16(0), u16(0), u16(members.length), u16(members.length)]
  const end = Buffer.concat([u32(0x06_05_4b_50), ...counts, u32(directory.length), u32(offset), u16(0)])
  await writeFile(file, Buffer.concat([...locals, directory, end]))
}

/** From the general purpose flags to the length of the name: the same in both headers. Flag 11 says UTF-8. */
function sharedFields(content: Uint8Array, nameLength: number, bytes: number): Uint8Array {
  return Buffer.concat([
    u16(0x08_00),
    u16(0),
    u32(0x21_00_00),
    u32(crc32(content)),
    u32(content.length),
    u32(bytes),
    u16(nameLength),
  ])
}

function u16(value: number): Uint8Array {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16LE(value)
  return buffer
}

function u32(value: number): Uint8Array {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}
