/** Open connections by token, so that both end together. Closed connections are removed. */
export class ConnectionsByToken {
  private readonly clients = new Map<string, Set<() => void>>();

  /**
   * @param end disconnects the client
   * @returns must be called when the client has left
   */
  add(tokenId: string, end: () => void): () => void {
    let clients = this.clients.get(tokenId);
    if (!clients) this.clients.set(tokenId, (clients = new Set()));
    const ofToken = clients.add(end);
    return () => {
      ofToken.delete(end);
      if (ofToken.size === 0 && this.clients.get(tokenId) === ofToken) this.clients.delete(tokenId);
    };
  }

  /** Disconnects all clients of the token. */
  end(tokenId: string): void {
    const clients = this.clients.get(tokenId) ?? [];
    this.clients.delete(tokenId);
    for (const end of clients) end();
  }

  /** Number of connected clients. */
  get size(): number {
    return [...this.clients.values()].reduce((sum, { size }) => sum + size, 0);
  }
}
