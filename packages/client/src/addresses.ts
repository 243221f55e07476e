import { SOCKET_PATH } from '@holdfast/protocol'

/** http://host/base → ws://host/base/v1/socket. Throws a TypeError where it is no address of a server. */
export function socketUrl(server: string): string {
  return urlOf(server, SOCKET_PATH).replace(/^http/, 'ws')
}

/** http://host/base, /v1/search → http://host/base/v1/search. Throws a TypeError where it is no address of a server. */
export function httpUrl(server: string, path: string): string {
  return urlOf(server, path).replace(/^ws/, 'http')
}

/** In a browser it may be relative to the page. */
function urlOf(server: string, path: string): string {
  const { location } = globalThis as { location?: { href: string } }
  const url = new URL(server, location?.href)
  if (!/^(?:http|ws)s?:$/.test(url.protocol)) throw new TypeError(`url: ${server} is no address of a server`)
  url.pathname = url.pathname.replace(/\/+$/, '') + path
  url.search = ''
  url.hash = ''
  return url.href
}
