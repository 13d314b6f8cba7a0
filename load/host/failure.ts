// Why a request got no whole response, in k6's documented error codes.

/** `code` is the script's `error_code`, `message` its `error`. */
export type Failure = { code: number; message: string };

export const timedOut: Failure = { code: 1050, message: 'request timeout' };
export const tooLarge = (limit: number): Failure => ({ code: 1000, message: `a body of more than ${limit} bytes` });
export const badUrl = (url: string): Failure => ({ code: 1020, message: `invalid URL: ${url}` });

type SystemError = Error & { code?: string; syscall?: string };

/** @param started Whether response headers had arrived. */
export function failureOf(error: SystemError, started: boolean): Failure {
  const code = error.code ?? '';
  // Node makes this error, without a system call, when the peer closed too early; k6 sees the end of the stream.
  if (code === 'ECONNRESET' && error.syscall === undefined)
    return { code: 1000, message: started ? 'unexpected EOF' : 'EOF' };
  if (code === 'ECONNRESET') return { code: 1220, message: 'read: connection reset by peer' };
  if (code === 'EPIPE') return { code: 1201, message: 'write: broken pipe' };
  if (code === 'ECONNREFUSED') return { code: 1212, message: 'dial: connection refused' };
  if (code === 'ETIMEDOUT') return { code: 1211, message: 'dial: i/o timeout' };
  if (code === 'ENOTFOUND') return { code: 1101, message: 'lookup: no such host' };
  if (code === 'EAI_AGAIN') return { code: 1100, message: 'lookup: temporary failure in name resolution' };
  if (error.syscall === 'connect') return { code: 1213, message: `dial: ${error.message}` };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { code: 1311, message: `x509: ${error.message}` };
  if (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_)/.test(code))
    return { code: 1310, message: `x509: ${error.message}` };
  if (/^(ERR_SSL_|EPROTO)/.test(code)) return { code: 1300, message: `tls: ${error.message}` };
  return { code: 1000, message: error.message };
}
