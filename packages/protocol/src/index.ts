/**
 * Holdfast's wire protocol for people who speak it: constants, error codes, limits and types.
 * It has no dependency at run time, so it may go into a browser's bundle; the schemas live in `@holdfast/protocol/schemas`.
 */
export * from './errors.ts'
export * from './limits.ts'
export type * from './schemas.ts'
export * from './text.ts'

/** The WebSocket subprotocol: the version of everything said over the socket. */
export const SUBPROTOCOL = 'holdfast.v1'

/** Where the socket listens, relative to the server's address. */
export const SOCKET_PATH = '/v1/socket'
