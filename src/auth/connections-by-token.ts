/** Who is connected by which token, so that both end together. Holds nothing of those who have left. */
export class ConnectionsByToken {
  private readonly clients = new Map<string, Set<() => void>>();

  /**
   * @param end cuts the client off
   * @returns to be called when the client has left
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

  /** Cuts off everybody who came in by the token. */
  end(tokenId: string): void {
    const clients = this.clients.get(tokenId) ?? [];
    this.clients.delete(tokenId);
    for (const end of clients) end();
  }

  /** How many are connected. */
  get size(): number {
    return [...this.clients.values()].reduce((sum, { size }) => sum + size, 0);
  }
}
