// Frames over a socket: one JSON object per text frame.

/** A transport for `Connection`, to `path` on this host. */
export function overSocket(path) {
  return (edges) => {
    const url = new URL(path, location.href)
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
    const socket = new WebSocket(url)
    socket.onopen = () => edges.opened()
    socket.onmessage = (message) => edges.frame(JSON.parse(message.data))
    socket.onclose = (close) => edges.closed(close.code)
    return {
      send(frame) {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
      },
      // Whoever closes does not wait for the other side: that can take a minute on a dead line.
      close() {
        socket.onopen = socket.onmessage = socket.onclose = null
        socket.close()
      },
    }
  }
}
