/** The files that a report can be written to. */
import type {PrintableReport} from './printable.ts'

import {renderCsv} from './csv.ts'
import {renderGha} from './gha.ts'
import {renderHtml} from './html.ts'
import {renderJunit} from './junit.ts'
import {renderMarkdown} from './markdown.ts'

/** Where each goes, by the names of the flags. */
export interface ExportFiles {
  readonly 'export-csv'?: string | undefined
  readonly 'export-gha'?: string | undefined
  readonly 'export-html'?: string | undefined
  readonly 'export-markdown'?: string | undefined
  readonly junit?: string | undefined
}

export interface Export {
  readonly file: string
  readonly render: (report: PrintableReport) => string
}

/** What was asked for. */
export function exportsOf(files: ExportFiles): Export[] {
  const gha = files['export-gha']?.replace(/\.json$/, '')
  const all: ReadonlyArray<readonly [string | undefined, Export['render']]> = [
    [files['export-csv'], renderCsv],
    [files['export-html'], renderHtml],
    [files['export-markdown'], renderMarkdown],
    [files.junit, renderJunit],
    [gha && `${gha}-bigger.json`, (report) => renderGha(report, 'higher')],
    [gha && `${gha}-smaller.json`, (report) => renderGha(report, 'lower')],
  ]
  return all.flatMap(([file, render]) => (file ? {file, render} : []))
}
