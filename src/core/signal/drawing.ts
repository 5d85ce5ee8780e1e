/** Pictures as files: SVG as it is, PNG drawn from it by resvg, which comes along where there is a build of it. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'

const ENDINGS = new Set(['.svg', '.png'])
/** Pixels of a PNG for each unit of the picture, so that it is sharp on the screens of today. */
const PNG_ZOOM = 2

/**
 * Where a picture goes; `KIND-FILE.svg` in the current folder when nobody says.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an ending that is neither .svg nor .png
 */
export function picturePath({file, kind, picture}: {file: string; kind: string; picture: string | undefined}): string {
  if (picture === undefined) return `${kind}-${path.parse(file).name}.svg`
  if (ENDINGS.has(path.extname(picture).toLowerCase())) return picture
  throw new NpuBridgeError('INVALID_ARGUMENT', `the picture is "${picture}", it must end in .svg or .png`)
}

/** @throws {NpuBridgeError} UNSUPPORTED_OPERATION for a PNG where nothing can draw one, or no text in it */
export async function writePicture(file: string, svg: string): Promise<void> {
  await writeFile(file, path.extname(file).toLowerCase() === '.png' ? await toPng(svg) : svg)
}

async function toPng(svg: string): Promise<Uint8Array> {
  const {Resvg} = await loadResvg()
  const fitTo = {mode: 'zoom', value: PNG_ZOOM} as const
  // Without any font it would leave all text out, and say nothing.
  const probe = new Resvg('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9">0</text></svg>')
  if (probe.getBBox() === undefined) {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'a PNG cannot be drawn: this machine has no fonts for its text', {
      suggestions: [
        'on Debian: apt-get install fonts-dejavu-core',
        'draw an .svg, which takes the fonts of its reader',
      ],
    })
  }

  return new Resvg(svg, {fitTo, font: {sansSerifFamily: 'DejaVu Sans'}}).render().asPng()
}

async function loadResvg() {
  try {
    return await import('@resvg/resvg-js')
  } catch (error) {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'a PNG cannot be drawn: @resvg/resvg-js cannot be loaded', {
      cause: error,
      suggestions: ['npm install @resvg/resvg-js@2', 'draw an .svg instead'],
    })
  }
}
