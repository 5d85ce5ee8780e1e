import {execFileSync} from 'node:child_process'
import path from 'node:path'

/** A certificate for 127.0.0.1 that signs itself, made in `folder`. */
export function selfSigned(folder: string): {cert: string; key: string} {
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  const about = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', '-nodes', ...curve, '-keyout', key, '-out', cert, ...about], {
    stdio: 'ignore',
  })
  return {cert, key}
}
