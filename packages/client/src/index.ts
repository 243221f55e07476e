/**
 * Holdfast's SDK for browsers and Node 22 or newer. It needs nothing but the protocol's types and constants.
 *
 *     const client = connect({ url: 'http://127.0.0.1:8080', getToken: async () => token })
 *     const room = client.room('lobby')
 *     const { seq } = await room.send('hello')
 *     for await (const entry of room.entries({ after: 0 })) console.log(entry.seq, entry.sender)
 */
export type { Durability, Entry, ErrorCode, RoomAbout, RoomKind } from '@holdfast/protocol'
export { type Client, type ClientEvents, type ConnectOptions, type CreateRoomOptions, connect } from './client.ts'
export type { ConnectionState } from './connection.ts'
export type { Accepted, CommandOptions, Done, Stored } from './delivery.ts'
export { type FailureCode, type FailureOutcome, HoldfastError } from './errors.ts'
export type { Clock, Fetch, Random, WebSocketConstructor, WebSocketLike } from './platform.ts'
export type { ReadOptions } from './reader.ts'
export type { Gap, Page, PageOptions, Room, RoomEvents, SendOptions } from './room.ts'
export type { SearchHit, SearchOptions, SearchResult } from './search.ts'
export type { Settings } from './settings.ts'
export type { Position } from './timeline.ts'
