/** A socket as sessions see it: whole WebSocket frames out, and four things that may be heard of it. */
export interface Socket {
  /** Writes whole frames; false says that the peer does not keep up, and that `drained` will be told. Nothing happens on a closed socket. */
  write(frames: Uint8Array): boolean
  /** Bytes written that the operating system has not taken yet. */
  readonly writableLength: number
  /** Starts the closing handshake behind what was written. */
  close(code: number, reason: string): void
  /** Cuts the connection. */
  terminate(): void
}

/** What a socket tells. */
export interface SocketListener {
  message(text: string): void
  binary(): void
  pong(): void
  drained(): void
  /** Once, however it ended. */
  closed(): void
}
