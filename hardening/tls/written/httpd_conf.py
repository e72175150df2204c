"""tls/httpd.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 2433234427
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']
    str_join = runtime['str_join']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_protocols = resolve('protocols')
        l_0_job = resolve('job')
        l_0_dh_file = resolve('dh_file')
        l_0_compression = resolve('compression')
        l_0_tickets = resolve('tickets')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/httpd.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'Listen '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\n<VirtualHost '
            yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen') if (':' in environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen')) else str_join(('*:', environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'), ))))
            yield '>\nServerName '
            yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'server_name') or 'localhost'))
            yield '\nSSLEngine on\nSSLCertificateFile '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\nSSLCertificateKeyFile '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        yield 'SSLProtocol '
        yield str(t_1(context.eval_ctx, (undefined(name='protocols') if l_0_protocols is missing else l_0_protocols), ' '))
        yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'SSLCipherSuite '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'SSLCipherSuite TLSv1.3 '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        yield 'SSLHonorCipherOrder '
        yield str(('on' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'off'))
        yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield 'SSLOpenSSLConfCmd Curves '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signatures'):
            pass
            yield 'SSLOpenSSLConfCmd SignatureAlgorithms '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signature_string'))
            yield '\n'
        if (undefined(name='dh_file') if l_0_dh_file is missing else l_0_dh_file):
            pass
            yield 'SSLOpenSSLConfCmd DHParameters "'
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '"\n'
        if (undefined(name='compression') if l_0_compression is missing else l_0_compression):
            pass
            yield 'SSLCompression off\n'
        if (undefined(name='tickets') if l_0_tickets is missing else l_0_tickets):
            pass
            yield 'SSLSessionTickets off\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield '</VirtualHost>\n'

    return root
