// Connections that write a prepared request and read just enough of the answer: what a client with conveniences takes of
// the processor would be missing to the server beside it.
import {Buffer} from 'node:buffer'
import {once} from 'node:events'
import {connect} from 'node:net'

const HEAD_END = '\r\n\r\n'

/** Opens connections, and gives a function that asks over whichever is free; it resolves once an answer has been read. */
export async function openConnections({body, connections, headers = {}, url}) {
  const {hostname, pathname, port} = new URL(url)
  const bytes = requestOf({body, headers, host: `${hostname}:${port}`, pathname})
  const free = await Promise.all(Array.from({length: connections}, () => open(hostname, Number(port))))
  const all = [...free]
  const waiting = []
  const nextFree = () => {
    const {promise, resolve} = Promise.withResolvers()
    waiting.push(resolve)
    return promise
  }

  const ask = async () => {
    const connection = free.pop() ?? (await nextFree())
    try {
      return await connection.ask(bytes)
    } finally {
      const next = waiting.shift()
      if (next) next(connection)
      else free.push(connection)
    }
  }

  const close = () => {
    for (const {socket} of all) socket.destroy()
  }

  return {ask, close}
}

function requestOf({body, headers, host, pathname}) {
  const fields = {host, ...headers, ...(body && {'content-length': body.length})}
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${body ? 'POST' : 'GET'} ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`
  return Buffer.concat([Buffer.from(head), body ?? Buffer.alloc(0)])
}

async function open(hostname, port) {
  const socket = connect({host: hostname, port, noDelay: true})
  await once(socket, 'connect')
  let settle
  let got = Buffer.alloc(0)
  socket.on('data', (part) => {
    got = got.length === 0 ? part : Buffer.concat([got, part])
    const status = wholeAnswer(got)
    if (status === undefined) return
    got = Buffer.alloc(0)
    if (status === 200) settle.resolve()
    else settle.reject(new Error(`status ${status}`))
  })
  socket.on('error', (error) => settle?.reject(error)).on('close', () => settle?.reject(new Error('closed')))
  return {
    socket,
    ask: (bytes) =>
      new Promise((resolve, reject) => {
        settle = {reject, resolve}
        socket.write(bytes)
      }),
  }
}

/** The status of an answer that is there as a whole. */
function wholeAnswer(got) {
  const end = got.indexOf(HEAD_END)
  if (end === -1) return undefined
  const head = got.latin1Slice(0, end)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return got.length < end + HEAD_END.length + length ? undefined : Number(head.slice(9, 12))
}
