import type {AddressInfo} from 'node:net'

import {createServer, type Server, type ServerResponse} from 'node:http'

/** A package index (PEP 503) on this machine that has one file, which `send` delivers as it likes. */
export async function startIndex(
  distribution: string,
  file: string,
  send: (response: ServerResponse) => void,
): Promise<{env: NodeJS.ProcessEnv; stop: () => void}> {
  const server: Server = createServer((request, response) => {
    if (request.url === `/simple/${distribution}/`) {
      response.setHeader('content-type', 'text/html')
      response.end(`<!DOCTYPE html><a href="/files/${file}">${file}</a>`)
    } else if (request.url === `/files/${file}`) send(response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const {port} = server.address() as AddressInfo
  const env = {
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
    PIP_EXTRA_INDEX_URL: undefined,
    PIP_FIND_LINKS: undefined,
    PIP_NO_CACHE_DIR: '1',
    PIP_RETRIES: '0',
    PIP_DEFAULT_TIMEOUT: '5',
  }
  return {
    env,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
