//! A file as the input of a decoder that skips most of it.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use bytes::Buf;

/// Bytes that follow a failed read. No message starts with a zero (field numbers are positive), so decoding
/// ends soon.
static ZEROS: [u8; 4096] = [0; 4096];

/// A seekable file that is read a few KiB at a time. Ranges that the decoder skips are not read.
///
/// [`Buf`] has no way to report a failed read, and decoders rely on [`Buf::remaining`]. So after a failure the
/// number of remaining bytes does not change, the bytes are zeros, and [`FileBuf::into_failure`] returns the
/// error.
pub(super) struct FileBuf<File> {
    reader: BufReader<File>,
    position: usize,
    length: usize,
    failure: Option<io::Error>,
}

impl<File: Read + Seek> FileBuf<File> {
    /// Starts at the first byte of the file.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut reader = BufReader::new(file);
        let length = reader.seek(SeekFrom::End(0))?;
        let length = usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?;
        let mut buf = Self { reader, position: 0, length, failure: None };
        buf.seek();
        Ok(buf)
    }

    /// The read or seek that failed, if one did.
    pub(super) fn into_failure(self) -> Option<io::Error> {
        self.failure
    }

    fn seek(&mut self) {
        match self.reader.seek(SeekFrom::Start(self.position as u64)) {
            Ok(_) => self.fill(),
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Fills the buffer if it is empty: [`Buf::chunk`] must not be empty before the end.
    fn fill(&mut self) {
        while self.has_remaining() && self.reader.buffer().is_empty() && self.failure.is_none() {
            match self.reader.fill_buf() {
                Ok([]) => self.failure = Some(ErrorKind::UnexpectedEof.into()),
                Err(failure) if failure.kind() != ErrorKind::Interrupted => self.failure = Some(failure),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

impl<File: Read + Seek> Buf for FileBuf<File> {
    fn remaining(&self) -> usize {
        self.length - self.position
    }

    fn chunk(&self) -> &[u8] {
        let bytes = if self.failure.is_some() { &ZEROS } else { self.reader.buffer() };
        &bytes[..bytes.len().min(self.remaining())]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced past the end");
        self.position += count;
        if self.failure.is_some() {
            return;
        }
        if count <= self.reader.buffer().len() {
            self.reader.consume(count);
            self.fill();
        } else if self.has_remaining() {
            self.seek();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use prost::Message;

    use super::super::graph::OnnxModel;
    use super::*;

    /// A file that counts the bytes read and fails from a given count on.
    struct Watched<File> {
        file: File,
        read: u64,
        fails_after: u64,
    }

    impl<File: Read> Read for Watched<File> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.read >= self.fails_after {
                return Err(io::Error::other("the disk is gone"));
            }
            let count = self.file.read(into)?;
            self.read += count as u64;
            Ok(count)
        }
    }

    impl<File: Seek> Seek for Watched<File> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    fn watched<File>(file: File) -> Watched<File> {
        Watched { file, read: 0, fails_after: u64::MAX }
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 127 {
            bytes.push(value as u8 | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    /// The key and length of a field, its contents left to the caller.
    fn head(field: u64, length: u64) -> Vec<u8> {
        [varint(field << 3 | 2), varint(length)].concat()
    }

    #[test]
    fn weights_are_never_read() {
        const WEIGHTS: u64 = 500 << 20;
        let node = [head(1, 3), head(4, 1), b"A".to_vec()].concat();
        let raw_data = head(9, WEIGHTS);
        let name = [head(8, 1), b"w".to_vec()].concat();
        let tensor_length = raw_data.len() as u64 + WEIGHTS + name.len() as u64;
        let tensor = head(5, tensor_length);
        let graph = head(7, tensor.len() as u64 + tensor_length + node.len() as u64);

        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[graph, tensor, raw_data].concat()).unwrap();
        let weights_end = file.stream_position().unwrap() + WEIGHTS;
        file.set_len(weights_end).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(&[name, node].concat()).unwrap();

        let mut buf = FileBuf::new(watched(file)).unwrap();
        let graph = OnnxModel::decode(&mut buf).unwrap().graph.unwrap();
        assert_eq!(graph.initializer[0].name, "w");
        assert_eq!(graph.node[0].op_type(), "A");
        assert!(buf.failure.is_none());
        let read = buf.reader.get_ref().read;
        assert!(read <= 64 << 10, "{read} bytes were read");
    }

    #[test]
    fn every_byte_comes_in_order_whatever_the_steps() {
        let bytes: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
        for step in [1, 7, 4096, 8191, 8192, 8193, 30_000] {
            let mut buf = FileBuf::new(io::Cursor::new(&bytes)).unwrap();
            let mut at = 0;
            while buf.has_remaining() {
                let chunk = buf.chunk();
                assert!(!chunk.is_empty());
                assert_eq!(chunk, &bytes[at..at + chunk.len()]);
                let count = buf.remaining().min(step);
                buf.advance(count);
                at += count;
                assert_eq!(buf.remaining(), bytes.len() - at);
            }
            assert!(buf.chunk().is_empty());
        }
    }

    #[test]
    fn a_failed_read_is_remembered_and_ends_decoding() {
        // A name that spans several buffers, in a field that spans the file.
        let name = [head(8, 30_000), vec![b'w'; 30_000]].concat();
        let tensor = [head(5, name.len() as u64), name].concat();
        let bytes = [head(7, tensor.len() as u64), tensor].concat();
        for fails_after in [0, 1, 8192, 16_384] {
            let file = Watched { fails_after, ..watched(io::Cursor::new(&bytes)) };
            let mut buf = FileBuf::new(file).unwrap();
            let _ = OnnxModel::decode(&mut buf);
            assert_eq!(buf.into_failure().unwrap().to_string(), "the disk is gone");
        }
    }

    #[test]
    fn a_file_that_shrinks_is_a_failure() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![8; 20_000]).unwrap();
        let mut buf = FileBuf::new(file.try_clone().unwrap()).unwrap();
        file.set_len(100).unwrap();
        buf.advance(19_000);
        assert_eq!(buf.remaining(), 1000);
        assert_eq!(buf.chunk(), [0; 1000]);
        assert_eq!(buf.into_failure().unwrap().kind(), ErrorKind::UnexpectedEof);
    }
}
