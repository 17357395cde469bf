import { bytes, duration, shortId } from "../format";
import type { Status } from "../types";

export function Peers({ status }: { status: Status | null }) {
  if (!status) return <p class="quiet">Asking the node.</p>;
  const peers = [...status.peers].sort((a, b) => b.bytes_in + b.bytes_out - (a.bytes_in + a.bytes_out));
  return (
    <>
      <h2>Peers</h2>
      {peers.length === 0 ? (
        <p class="quiet">No sessions now. They are opened when something is looked up or transferred.</p>
      ) : (
        <div class="scroll card">
          <table>
            <caption class="silent">Encrypted sessions with other nodes</caption>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">Address</th>
                <th scope="col">Direction</th>
                <th scope="col" class="number">For</th>
                <th scope="col" class="number">Round trip</th>
                <th scope="col" class="number">Received</th>
                <th scope="col" class="number">Sent</th>
                <th scope="col" class="number">Channels</th>
              </tr>
            </thead>
            <tbody>
              {peers.map((p) => (
                <tr key={`${p.node} ${p.since_ms}`}>
                  <td>
                    <code title={p.node ?? ""}>{shortId(p.node)}</code>
                  </td>
                  <td>{p.address}</td>
                  <td>{p.inbound ? "called us" : "called by us"}</td>
                  <td class="number">{duration(status.now_ms - p.since_ms)}</td>
                  <td class="number">{p.rtt_us > 0 ? `${(p.rtt_us / 1000).toFixed(p.rtt_us < 10_000 ? 1 : 0)} ms` : "-"}</td>
                  <td class="number">{bytes(p.bytes_in)}</td>
                  <td class="number">{bytes(p.bytes_out)}</td>
                  <td class="number">{p.channels}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
