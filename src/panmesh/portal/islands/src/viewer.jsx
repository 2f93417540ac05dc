// h5web in the page of a run: the server's own /api/h5 routes with the session's cookie, so the reader sees what the page may show and no more.
import "./viewer.css";
import "@h5web/app/styles.css";
import { App, createBasicFetcher, H5GroveProvider } from "@h5web/app";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const LOOK_AGAIN = 4000; // milliseconds between two looks at a file that is still being written
const fetcher = createBasicFetcher({ credentials: "same-origin" });

function Viewer({ url, file, path, growing }) {
  const written = useLength(url, file, path, growing);
  return (
    <H5GroveProvider
      key={file}
      url={url}
      filepath={file}
      fetcher={fetcher}
      resetKeys={[written]}
      getExportURL={(format, dataset, selection) => exported(url, file, format, dataset, selection)}
    >
      <App initialPath={path} sidebarOpen={window.innerWidth > 860} propagateErrors={false} />
    </H5GroveProvider>
  );
}

// What the shown group says of its arrays: when it changes, the file has grown and is read again.
function useLength(url, file, path, growing) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!growing) return undefined;
    const look = async () => {
      if (document.hidden) return;
      const answer = await fetch(`${url}/meta?${new URLSearchParams({ file, path: path || "/" })}`);
      if (answer.ok) setSaid(await answer.text());
    };
    look();
    const timer = setInterval(look, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [url, file, path, growing]);
  return said;
}

function exported(url, file, format, dataset, selection) {
  if (!["csv", "npy", "tiff", "json"].includes(format)) return undefined;
  const query = new URLSearchParams({ file, path: dataset.path, format });
  if (selection) query.set("selection", selection);
  return new URL(`${url}/export?${query}`, location.href);
}

export function open(place, setting) {
  const root = createRoot(place);
  root.render(<Viewer {...setting} />);
  return (changed) => root.render(<Viewer {...setting} {...changed} />);
}
