/** The dashboard: three files, the same for everybody, that ask the server for everything else. */
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'

import {hash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {brotliCompressSync, constants, gzipSync} from 'node:zlib'

import type {HttpContext} from './context.ts'

import {Refusal} from '../service/refusal.ts'
import {sendError} from './app.ts'

/** Where the build puts the page; the same from sources and from what is built. */
const PAGE_FOLDER = path.resolve(import.meta.dirname, '../../../../dist/dashboard')

const FILES: Readonly<Record<string, {readonly name: string; readonly type: string}>> = {
  '/': {name: 'index.html', type: 'text/html; charset=utf-8'},
  '/dashboard.js': {name: 'dashboard.js', type: 'text/javascript; charset=utf-8'},
  '/dashboard.css': {name: 'dashboard.css', type: 'text/css; charset=utf-8'},
  '/favicon.svg': {name: 'favicon.svg', type: 'image/svg+xml'},
}

/** Nothing from elsewhere, nothing inline, and in no other page. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

interface PageFile {
  readonly type: string
  readonly tag: string
  readonly plain: Buffer
  readonly gzip: Buffer
  readonly brotli: Buffer
}

/** The page has no secrets: whoever may call this server by its name may have it, and needs a token for all else. */
export function addPage(app: FastifyInstance, context: HttpContext, folder = PAGE_FOLDER): void {
  const files = new Map<string, PageFile>()
  for (const [url, {name, type}] of Object.entries(FILES)) {
    app.get(url, {config: {isPublic: true}}, async (request, reply) => {
      try {
        const file = files.get(url) ?? readPageFile(path.join(folder, name), type)
        files.set(url, file)
        send(request, reply, file, context)
      } catch (error) {
        sendError(error, reply, context)
      }

      return reply
    })
  }
}

function readPageFile(file: string, type: string): PageFile {
  let plain: Buffer
  try {
    plain = readFileSync(file)
  } catch (error) {
    throw new Refusal({http: 404, grpc: 12}, 'INVALID_ARGUMENT', 'the dashboard was not built', {
      cause: error,
      suggestions: ['npm run build:ts'],
    })
  }

  return {
    type,
    tag: `"${hash('sha256', plain, 'base64url').slice(0, 27)}"`,
    plain,
    gzip: gzipSync(plain, {level: 9}),
    brotli: brotliCompressSync(plain, {params: {[constants.BROTLI_PARAM_SIZE_HINT]: plain.length}}),
  }
}

function send(request: FastifyRequest, reply: FastifyReply, file: PageFile, {metrics}: HttpContext): void {
  void reply
    .header('content-security-policy', POLICY)
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-resource-policy', 'same-origin')
    .header('cache-control', 'no-cache')
    .header('etag', file.tag)
    .header('vary', 'accept-encoding')
  if (request.headers['if-none-match'] === file.tag) {
    metrics.answered('http', 304)
    void reply.code(304).send()
    return
  }

  const [encoding, bytes] = chosen(String(request.headers['accept-encoding'] ?? ''), file)
  metrics.answered('http', 200)
  metrics.sentBytes += bytes.length
  if (encoding !== null) void reply.header('content-encoding', encoding)
  void reply.header('content-type', file.type).send(bytes)
}

function chosen(accepted: string, {brotli, gzip, plain}: PageFile): [encoding: null | string, bytes: Buffer] {
  if (/\bbr\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(accepted)) return ['br', brotli]
  if (/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(accepted)) return ['gzip', gzip]
  return [null, plain]
}
