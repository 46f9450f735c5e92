// What pages ask the server for over plain HTTP, once.

/** The JSON at an address; rejects where the server could not be reached, or said no. */
export async function ask(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } })
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`)
  return answer.json()
}
