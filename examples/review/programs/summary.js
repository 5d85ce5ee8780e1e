/** Puts what the other tasks found into a few lines of Markdown. */
import {readTask} from './task.js'

const {inputs} = await readTask()
const {counts, engine, links, marks, speech, style, types} = inputs
const known = (values) => values.filter((value) => value !== null)
const lines = [
  '# Review',
  `- Style: ${known(style).length} of ${style.length} documents are formatted well`,
  ...known(counts).map(({files, folder, lines: count}) => `- Size: ${folder} has ${files} files with ${count} lines`),
  `- Forgotten marks: ${marks?.count ?? 'unknown'}`,
  `- Links between documents: ${links?.links ?? '?'}, broken: ${links?.broken.length ?? '?'}`,
  `- Engine: ${engine?.status ?? 'unknown'} on ${engine?.performanceMode ?? '?'}`,
  ...(types ?? []).map(({file, score, type}) => `- ${file} is ${type} (${(score * 100).toFixed(0)} %)`),
  `- Speech: ${speech === null ? 'unknown' : `${speech.segments.length} segments in ${speech.frames} frames`}`,
]
console.log(lines.join('\n'))
